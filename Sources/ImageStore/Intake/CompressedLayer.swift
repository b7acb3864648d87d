// SPDX-License-Identifier: Apache-2.0

import Crypto
import Glibc
import LinuxSystem
import Synchronization
public import TandemModel

/// The tar that a layer came as, compressed by gzip: the same bytes every time.
///
/// A thread of its own compresses only as fast as the pieces are taken.
public final class CompressedLayer: Sendable {
    private struct State {
        var hash = SHA256()
        var size: UInt64 = 0
        var problem: EngineError?
    }

    private let reading: Int32
    private let progress: Progress
    private let state = Mutex(State())

    /// What the thread that compresses has got to.
    private final class Progress: Sendable {
        struct Value {
            var taken: UInt64 = 0
            var problem: EngineError?
        }

        let value = Mutex(Value())
    }

    /// Length of the tar in bytes.
    public let plainSize: UInt64

    init(_ tar: LayerTar) throws(EngineError) {
        plainSize = tar.size
        let progress = Progress()
        self.progress = progress
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw EngineError(.resourceExhausted, "no file descriptor is left for the layer")
        }
        let writing = ends[1]
        reading = ends[0]
        let isStarted = WorkerThread.start {
            defer { close(writing) }
            do throws(EngineError) {
                let writer = try CompressedWriter(writing, .gzip)
                try tar.read { (bytes) throws(EngineError) in
                    try writer.write(bytes)
                    progress.value.withLock { $0.taken += UInt64(bytes.count) }
                }
                try writer.finish()
            } catch {
                progress.value.withLock { $0.problem = error }
            }
        }
        guard isStarted else {
            close(writing)
            throw EngineError(.resourceExhausted, "no thread can be had to compress the layer")
        }
    }

    deinit { close(reading) }

    /// The next piece; `nil` at the end.
    public func next() async throws(EngineError) -> [UInt8]? {
        let bytes = await BlockingQueue.run { [reading] in
            [UInt8](unsafeUninitializedCapacity: 1 << 17) { buffer, count in
                count = 0
                while count < buffer.count {
                    let result = read(reading, buffer.baseAddress.map { $0 + count }, buffer.count - count)
                    if result < 0 && errno == EINTR { continue }
                    guard result > 0 else { break }
                    count += result
                }
            }
        }
        if bytes.isEmpty, let problem = progress.value.withLock({ $0.problem }) { throw problem }
        guard !bytes.isEmpty else { return nil }
        state.withLock { state in
            state.hash.update(data: bytes)
            state.size += UInt64(bytes.count)
        }
        return bytes
    }

    /// Bytes of the tar that have been compressed.
    public var taken: UInt64 { progress.value.withLock { $0.taken } }

    /// `sha256:…` of the pieces that have been taken, and their length.
    public var identity: (digest: String, size: UInt64) {
        state.withLock { ("sha256:" + Decompressor.hexadecimal($0.hash.finalize()), $0.size) }
    }
}

extension ImageStore {
    /// Begins to compress a layer.
    ///
    /// Blocks.
    ///
    /// - Throws: `.unsupported` for a layer without a record of its tar.
    public func compressed(_ layer: Layer) throws(EngineError) -> CompressedLayer {
        try CompressedLayer(try LayerTar(layer, split: files.split(layer.diffID)))
    }
}
