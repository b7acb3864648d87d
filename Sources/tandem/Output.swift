// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Writing to the standard streams.
enum Output {
    /// Writes text, all of it.
    static func write(_ text: String, to descriptor: Int32 = STDOUT_FILENO) { write(Array(text.utf8), to: descriptor) }

    /// Writes bytes, all of them.
    ///
    /// A reader that has gone ends us by SIGPIPE, as it ends any tool.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = STDOUT_FILENO) { _ = writeAll(bytes, to: descriptor) }

    /// - Returns: Whether all could be written; if not, errno says why.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
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

    /// Writes a line.
    static func line(_ text: String) { write(text + "\n") }

    /// Writes a failure: one sentence, and a hint in a line of its own.
    static func error(_ message: String, hint: String? = nil) {
        var text = "tandem: \(message)\n"
        if let hint { text += "\(hint)\n" }
        write(text, to: STDERR_FILENO)
    }

    /// Whether a stream is a terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// Columns with at least three spaces between them and of at least ten characters, as docker's.
    static func table(_ header: [String], _ rows: [[String]]) {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        for row in all {
            var line = ""
            for (index, cell) in row.enumerated() {
                line += cell
                if index < row.count - 1 {
                    line += String(repeating: " ", count: max(10, widths[index] + 3) - cell.count)
                }
            }
            self.line(line)
        }
    }
}

/// A failure that ends the program with a code of its own; without a message if everything has been said.
struct CommandFailure: Error {
    var code: Int32
    var message: String?
    var hint: String?

    init(_ code: Int32, _ message: String? = nil, hint: String? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
