// SPDX-License-Identifier: Apache-2.0

/// How the host caches a virtual disk: the modes of libvirt's disk driver (formatdomain, "Hard drives, floppy disks,
/// CDROMs", attribute `cache`).
public enum StorageCache: String, Sendable, Hashable, Codable, CaseIterable {
    /// Not in the host's page cache.
    case none
    /// In the page cache for reads; writes go to the disk.
    case writethrough
    /// In the page cache, until the guest flushes.
    case writeback
    /// Not in the page cache, and every write is flushed.
    case directsync
    /// In the page cache; the guest's flushes are ignored.
    case unsafe
}
