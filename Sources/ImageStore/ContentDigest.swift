// SPDX-License-Identifier: Apache-2.0

import Crypto

/// A SHA-256 digest of what comes piece by piece.
public struct ContentDigest {
    private var hash = SHA256()

    /// Of nothing so far.
    public init() {}

    /// Adds bytes.
    public mutating func add(_ bytes: [UInt8]) { hash.update(data: bytes) }

    /// Adds some bytes of a buffer.
    public mutating func add(_ bytes: ArraySlice<UInt8>) { bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }

    /// The digest so far in hexadecimal digits.
    public var digits: String { Decompressor.hexadecimal(hash.finalize()) }
}
