// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// What this process may do on the host.
public enum HostRights {
    /// Whether hard limits can be raised and OOM scores lowered (`CAP_SYS_RESOURCE`).
    public static let mayRaiseLimits = tandem_permitted_capabilities() & (1 << 24) != 0

    /// Whether we run as root.
    public static var isRoot: Bool { geteuid() == 0 }

    /// Our own hard limit for a resource; `UInt64.max` is unlimited.
    public static func hardLimit(_ resource: UInt32) -> UInt64 { tandem_hard_limit(resource) }
}
