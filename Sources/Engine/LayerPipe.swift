// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import TandemModel

/// Lets bytes that come from a workload be read from a descriptor.
enum LayerPipe {
    /// Calls `reader` with a descriptor that gives what `writer` sends.
    ///
    /// What fails first is thrown.
    static func run<Value: Sendable>(
        from writer: (_ send: ([UInt8]) async throws(EngineError) -> Void) async throws(EngineError) -> Void,
        to reader: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        try await run(
            { (descriptor) async throws(EngineError) in
                try await writer { (bytes) throws(EngineError) in
                    guard await BlockingQueue.run({ write(bytes, to: descriptor) }) else {
                        throw EngineError(.internal, "the layer is not read to its end")
                    }
                }
            }, reading: reader)
    }

    /// The same for a writer that has the other descriptor.
    static func run<Value: Sendable>(
        _ writer: (Int32) async throws(EngineError) -> Void,
        reading reader: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw EngineError(.resourceExhausted, "no file descriptor is left for the layer")
        }
        let (reading, writing) = (ends[0], ends[1])
        // As much as the kernel gives an ordinary process: fewer switches between the two sides.
        _ = tandem_set_pipe_size(writing, 1 << 20)
        let task = Task { () -> Result<Value, EngineError> in
            defer { close(reading) }
            do throws(EngineError) {
                return .success(try await reader(reading))
            } catch {
                return .failure(error)
            }
        }
        var problem: EngineError?
        do throws(EngineError) {
            try await writer(writing)
        } catch {
            problem = error
            // A tar that ends between two members is read as a whole one: no member begins like this.
            _ = await BlockingQueue.run { write([UInt8](repeating: 0xFF, count: 1_024), to: writing) }
        }
        close(writing)
        let result = await task.value
        if case .failure(let error) = result { throw problem ?? error }
        if let problem { throw problem }
        return try result.get()
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + done }, $0.count - done)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
