// SPDX-License-Identifier: Apache-2.0

import Dispatch

/// Threads for calls that block: mounts, waits, files, sockets, programs.
///
/// Swift's own threads never wait in the kernel.
public enum BlockingQueue {
    // On Linux a thread's nice value follows its quality of service, and programs inherit it: a higher one would give
    // every workload precedence over the host's processes.
    private static let queue = DispatchQueue(label: "tandem.blocking", qos: .default, attributes: .concurrent)

    /// Runs a blocking body on a thread of its own and gives its result.
    public static func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let result: Result<Value, Failure> = await withCheckedContinuation { continuation in
            queue.async {
                do throws(Failure) {
                    continuation.resume(returning: .success(try body()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }

    /// Runs a blocking body that nobody waits for.
    public static func detach(_ body: @escaping @Sendable () -> Void) { queue.async(execute: body) }
}
