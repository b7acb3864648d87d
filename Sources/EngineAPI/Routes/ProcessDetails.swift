// SPDX-License-Identifier: Apache-2.0

import Glibc
import LaunchProtocol

/// One process of a workload, as ps(1) looks at it.
struct ProcessDetails {
    let pid: UInt32
    let uid: UInt32
    let gid: UInt32
    /// The kernel's name of it.
    let name: String
    /// Fields of proc_pid_stat(5) behind the name, the state first.
    private let fields: [Substring]
    private let arguments: String
    private let table: ProcessTable

    /// - Returns: `nil` if the row's statistics are not those of a process.
    init?(_ row: ProcessRow, in table: ProcessTable) {
        let text = String(decoding: row.statistics, as: UTF8.self)
        // The name may hold blanks and parentheses.
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close else { return nil }
        name = String(text[text.index(after: open)..<close])
        fields = text[text.index(after: close)...].split(whereSeparator: \.isWhitespace)
        guard fields.count > 38 else { return nil }
        (pid, uid, gid) = (row.pid, row.uid, row.gid)
        arguments = row.command.split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
        self.table = table
    }

    /// A field by its number in the manual page.
    func field(_ number: Int) -> Int64 { Int64(fields[number - 3]) ?? 0 }

    /// One letter.
    var state: String { String(fields[0]) }

    /// The whole command line, or the name in brackets where there is none.
    var command: String { (arguments.isEmpty ? "[\(name)]" : arguments) + suffix }

    /// The name.
    var shortCommand: String { name + suffix }

    private var suffix: String { state == "Z" ? " <defunct>" : "" }

    /// The state with the letters that BSD adds.
    var longState: String {
        var letters = state
        if field(19) < 0 { letters += "<" } else if field(19) > 0 { letters += "N" }
        if field(6) == Int64(pid) { letters += "s" }
        if field(20) > 1 { letters += "l" }
        if field(8) != -1 && field(8) == field(5) { letters += "+" }
        return letters
    }

    /// Hundredths of a second that the process has run.
    var ticks: Int64 { field(14) + field(15) }

    /// Nanoseconds since it began.
    var age: Int64 { max(0, Int64(clamping: table.uptime) - field(22) * 10_000_000) }

    /// Seconds since 1970 at which it began.
    var started: Int64 { (Int64(clamping: table.time) - age) / 1_000_000_000 }

    /// Thousandths of one processor's time since it began.
    var processorShare: Int64 { age > 0 ? ticks * 10_000_000_000 / age : 0 }

    /// Resident memory in kibibytes.
    var residentMemory: Int64 { field(24) * 4 }

    /// Thousandths of the memory.
    var memoryShare: Int64 {
        let total = Int64(clamping: table.memory / 1_024)
        return total > 0 ? residentMemory * 1_000 / total : 0
    }

    /// The controlling terminal without `/dev/`.
    var terminal: String {
        let number = UInt32(truncatingIfNeeded: field(7))
        let (major, minor) = ((number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00))
        switch major {
        case 136...143: return "pts/\(minor + (major - 136) * 256)"
        case 4: return minor < 64 ? "tty\(minor)" : "ttyS\(minor - 64)"
        case 229: return "hvc\(minor)"
        default: return "?"
        }
    }

    /// The user's name on the host, as Docker shows it, or the number.
    var user: String { Self.shortened(getpwuid(uid).map { String(cString: $0.pointee.pw_name) } ?? String(uid)) }

    /// The group's name on the host, or the number.
    var group: String { Self.shortened(getgrgid(gid).map { String(cString: $0.pointee.gr_name) } ?? String(gid)) }

    private static func shortened(_ name: String) -> String { name.count > 8 ? name.prefix(7) + "+" : name }
}
