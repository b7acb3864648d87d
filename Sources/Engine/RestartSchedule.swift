// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// Whether and when a workload that has ended is started again, by dockerd's rules (daemon/internal/restartmanager).
///
/// One schedule lasts from one start by the user to the next.
struct RestartSchedule: Hashable, Sendable {
    /// How a run ended.
    struct End: Hashable, Sendable {
        var code: Int32
        /// How long it ran.
        var duration: Duration
        /// Whether the user wanted it to end, now or before the daemon was last started.
        var isWanted = false
    }

    /// The first wait, and that after a run that was long enough to count as a success.
    static let firstDelay = Duration.milliseconds(100)
    /// The longest wait.
    static let longestDelay = Duration.seconds(60)
    /// A run of this length begins the waits anew.
    static let longRun = Duration.seconds(10)

    private var delay = Duration.zero
    private var isCancelled = false

    /// The user has ended the run: nothing follows until the user starts it again.
    mutating func cancel() { isCancelled = true }

    /// What follows an end, when there have been `restarts` starts of this schedule before.
    ///
    /// - Returns: How long to wait before the next start; `nil` if there is none.
    mutating func next(after end: End, policy: RestartPolicy, restarts: Int) -> Duration? {
        guard !isCancelled, policy != .never else { return nil }
        delay = delay == .zero || end.duration >= Self.longRun ? Self.firstDelay : min(delay * 2, Self.longestDelay)
        let isDue =
            switch policy {
            case .never: false
            case .always: true
            case .unlessStopped: !end.isWanted
            case .onFailure(let maximum): end.code != 0 && (maximum == 0 || restarts < maximum)
            }
        return isDue ? delay : nil
    }
}
