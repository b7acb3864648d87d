// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A line on the terminal that says what is being done and how long it will take; nothing where there is no terminal.
final class ProgressBar: Sendable {
    private let isTerminal = Output.isTerminal(STDERR_FILENO)
    private let last = Mutex("")

    /// `part` goes from 0 to 1; `elapsed` is in seconds, and tells how much is left.
    func show(_ step: String, part: Double, elapsed: Double = 0) {
        guard isTerminal else { return }
        let filled = Int(min(1, max(0, part)) * 20)
        let bar = String(repeating: "━", count: filled) + String(repeating: "┄", count: 20 - filled)
        let left = part > 0.02 && elapsed > 1 ? ", \(Self.words(elapsed / part - elapsed)) left" : ""
        let line = "\r\(bar) \(step)\(left)\u{1B}[K"
        let isNew = last.withLock { last in
            defer { last = line }
            return last != line
        }
        if isNew { Output.write(line, to: STDERR_FILENO) }
    }

    /// Takes the line away.
    func clear() { if isTerminal { Output.write("\r\u{1B}[K", to: STDERR_FILENO) } }

    private static func words(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        return whole < 60 ? "\(whole) s" : "\(whole / 60) min \(whole % 60) s"
    }
}
