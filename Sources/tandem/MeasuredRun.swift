// SPDX-License-Identifier: Apache-2.0

import Benchmark
import Glibc

/// What stands around every measurement: it can be interrupted, and leaves nothing behind.
enum MeasuredRun {
    /// Runs `body`, and removes afterwards everything that it has made; before it, what runs that were killed have left.
    ///
    /// - Returns: What `body` returned, and whether it was interrupted.
    static func run<Value: Sendable>(
        _ bar: ProgressBar, _ body: @escaping @Sendable (RunFolder) async throws -> Value
    ) async throws -> (value: Value, isInterrupted: Bool) {
        defer { bar.clear() }
        for folder in RunFolder.abandoned() {
            bar.show("removing what a run that was killed has left", part: 0, elapsed: 0)
            await folder.undo()
        }
        let folder = try RunFolder()
        let task = Task { try await body(folder) }
        let watch = SignalWatch([SIGINT, SIGTERM]) { _ in task.cancel() }
        defer { withExtendedLifetime(watch) {} }
        let result = await task.result
        bar.clear()
        if await !folder.undo() {
            Output.write(
                "Not everything that was measured could be removed; the next run tries again.\n", to: STDERR_FILENO)
        }
        return (try result.get(), task.isCancelled)
    }
}
