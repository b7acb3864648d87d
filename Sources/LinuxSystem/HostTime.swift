// SPDX-License-Identifier: Apache-2.0

import CLinux
public import TandemModel

/// The host's clocks.
public enum HostTime {
    /// Nanoseconds of `CLOCK_MONOTONIC`, on which all phases lie.
    public static var monotonic: UInt64 { tandem_monotonic() }

    /// The wall clock.
    public static var now: Timestamp { Timestamp(nanoseconds: Int64(tandem_realtime())) }
}
