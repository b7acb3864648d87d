// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import TandemModel

/// Lets what one task gets piece by piece be read by another from a descriptor.
public enum BytePipe {
    /// Opens a pipe with as much room as the kernel gives an ordinary process: fewer switches between the two sides.
    ///
    /// `name` is what errors call that which passes.
    public static func open(for name: String) throws(EngineError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw EngineError(.resourceExhausted, "no file descriptor is left for the \(name)")
        }
        _ = tandem_set_pipe_size(ends[1], 1 << 20)
        return (ends[0], ends[1])
    }

    /// Calls `reader` with one end while `writer` has the other; both are closed here.
    ///
    /// - Throws: What failed first: a writer also fails where its reader has gone.
    public static func run<Value: Sendable>(
        for name: String, from writer: (Int32) async throws(EngineError) -> Void,
        to reader: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        let (reading, writing) = try open(for: name)
        let task = Task { () -> Result<Value, EngineError> in
            defer { close(reading) }
            do throws(EngineError) {
                return .success(try await reader(reading))
            } catch {
                return .failure(error)
            }
        }
        var problem: EngineError?
        var isRead = true
        do throws(EngineError) {
            try await writer(writing)
        } catch {
            problem = error
            // A tar that ends between two members is read as a whole one: no member begins like this.
            isRead = await BlockingQueue.run { write([UInt8](repeating: 0xFF, count: 1_024), to: writing) }
        }
        close(writing)
        let result = await task.value
        if !isRead, case .failure(let cause) = result { throw cause }
        if let problem { throw problem }
        return try result.get()
    }

    /// Writes bytes, all of them.
    ///
    /// Blocks.
    ///
    /// - Returns: Whether the other end took them.
    public static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
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
