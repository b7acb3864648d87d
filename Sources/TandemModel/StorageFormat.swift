// SPDX-License-Identifier: Apache-2.0

/// How a virtual disk lies in its file.
public enum StorageFormat: String, Sendable, Hashable, Codable, CaseIterable {
    /// As it is.
    case raw
    /// QEMU's own, with a table of clusters (docs/interop/qcow2.txt of QEMU).
    case qcow2
}
