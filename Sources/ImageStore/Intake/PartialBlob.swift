// SPDX-License-Identifier: Apache-2.0

import CLinux
import Crypto
import Dispatch
import Glibc
import Synchronization
import SystemPackage
public import TandemModel

/// A blob of a registry on its way in: a file that grows at one end while it is read from the other.
///
/// It stays where it is when the daemon ends, so that the next pull goes on from there.
public final class PartialBlob: Sendable {
    /// `sha256:…` of the whole.
    public let digest: String
    /// Length of the whole in bytes.
    public let size: UInt64

    private struct State {
        var length: UInt64
        var isGivenUp = false
        var isWaiting = false
    }

    private let path: FilePath
    private let descriptor: Int32
    private let state: Mutex<State>
    private let grown = DispatchSemaphore(value: 0)

    /// Opens what an earlier pull has left, or begins.
    init(_ path: FilePath, digest: String, size: UInt64) throws(EngineError) {
        self.path = path
        self.digest = digest
        self.size = size
        descriptor = path.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDWR | O_CREAT | O_CLOEXEC, 0o600) }
        guard descriptor >= 0 else { throw LayerBuilder.failure("'\(path)' cannot be written") }
        let end = UInt64(max(0, lseek(descriptor, 0, SEEK_END)))
        // More than there can be: whatever that is, it is not the blob.
        if end > size { ftruncate(descriptor, 0) }
        state = Mutex(State(length: end > size ? 0 : end))
    }

    deinit { close(descriptor) }

    /// Bytes that are there.
    public var length: UInt64 { state.withLock { $0.length } }

    /// Adds bytes at the end.
    ///
    /// Blocks.
    public func append(_ bytes: [UInt8]) throws(EngineError) {
        var position = length
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                pwrite(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done, Int(position))
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw LayerBuilder.failure("the blob '\(digest)' cannot be written") }
            done += count
            position += UInt64(count)
        }
        let end = position
        wake { $0.length = end }
    }

    /// Nothing more will come: whoever reads it fails at the end of what is there.
    public func giveUp() { wake { $0.isGivenUp = true } }

    private func wake(_ change: (inout State) -> Void) {
        let isWaiting = state.withLock { state in
            change(&state)
            defer { state.isWaiting = false }
            return state.isWaiting
        }
        if isWaiting { grown.signal() }
    }

    /// Removes the file: the blob has been taken in, or is not what it should be.
    public func remove() { _ = path.withPlatformString { unlink($0) } }

    /// Whether what is there is the whole blob.
    ///
    /// Blocks.
    public func isIntact() -> Bool {
        guard length == size else { return false }
        var hash = SHA256()
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 4_096)
        defer { buffer.deallocate() }
        var position: UInt64 = 0
        while position < size {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, Int(position))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            position += UInt64(count)
        }
        return "sha256:" + Decompressor.hexadecimal(hash.finalize()) == digest
    }

    /// Reads what is at a position, waiting for it if it has not come yet.
    ///
    /// For one reader. Blocks.
    ///
    /// - Returns: As read(2).
    func read(_ buffer: UnsafeMutableRawBufferPointer, at position: UInt64) -> Int {
        while true {
            let (available, isOver) = state.withLock { state in
                let available = state.length > position ? state.length - position : 0
                if available == 0 && position < size && !state.isGivenUp { state.isWaiting = true }
                return (available, position >= size || state.isGivenUp)
            }
            if available > 0 {
                return pread(descriptor, buffer.baseAddress, Int(min(available, UInt64(buffer.count))), Int(position))
            }
            if position >= size { return 0 }
            if isOver {
                errno = ECONNABORTED
                return -1
            }
            grown.wait()
        }
    }
}
