// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Collects what goes to a descriptor into large writes.
struct OutputBuffer {
    private static let limit = 64 << 10

    private let descriptor: Int32
    private var pending: Bytes = []
    /// Why writing has failed, or 0; nothing more is written after a failure.
    private(set) var problem: Int32 = 0

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        pending.reserveCapacity(2 * Self.limit)
    }

    mutating func write(_ bytes: Bytes) {
        pending += bytes
        if pending.count >= Self.limit { flush() }
    }

    mutating func write(_ bytes: ArraySlice<UInt8>) {
        pending += bytes
        if pending.count >= Self.limit { flush() }
    }

    mutating func flush() {
        if problem == 0 { problem = writeAll(descriptor, pending) }
        pending.removeAll(keepingCapacity: true)
    }
}

/// An extended attribute; empty if there is none.
///
/// `path` names it without a link at its end, usually by way of /proc/self/fd.
func attribute(_ name: StaticString, of path: Bytes) -> Bytes {
    var value = Bytes(repeating: 0, count: 4_096)
    let count = withPath(path) { path in
        withPath(bytes(name)) { name in
            value.withUnsafeMutableBytes { lgetxattr(path, name, $0.baseAddress, $0.count) }
        }
    }
    return count > 0 ? Bytes(value[..<count]) : []
}

/// The names in a folder that is open and has not been read, sorted.
func sortedEntries(_ folder: Int32) -> [Bytes] {
    // The stream takes its descriptor over.
    let copy = tandem_duplicate_above(folder, 3)
    guard copy >= 0, let stream = fdopendir(copy) else { return [] }
    defer { closedir(stream) }
    return entries(of: stream).sorted { $0.lexicographicallyPrecedes($1) }
}
