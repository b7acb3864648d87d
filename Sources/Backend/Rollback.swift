// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// The undo steps of an operation that must leave nothing behind if it fails half-way.
public struct Rollback: Sendable {
    private var steps: [(name: String, undo: @Sendable () throws(EngineError) -> Void)] = []

    /// Nothing to undo yet.
    public init() {}

    /// Registers how the step that has just been taken is undone.
    ///
    /// The step may block.
    public mutating func add(_ name: String, _ undo: @escaping @Sendable () throws(EngineError) -> Void) {
        steps.append((name, undo))
    }

    /// Undoes everything, last step first, whatever fails on the way.
    ///
    /// - Returns: `error`, with the undo steps that failed noted in it.
    public func undo(after error: EngineError) -> EngineError {
        var reported = error
        for step in steps.reversed() {
            do throws(EngineError) {
                try step.undo()
            } catch {
                reported.cleanupFailures.append(EngineError.CleanupFailure(step: step.name, message: error.message))
            }
        }
        return reported
    }
}
