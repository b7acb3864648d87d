// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import TandemModel
import Testing

@testable import EngineAPI

@Suite("The arguments of ps that top takes")
struct ProcessFormatTests {
    /// A process that began one minute before the table was read, and used three seconds of a processor since.
    private var table: ProcessTable {
        let statistics =
            "42 (a (b) c) S 1 42 42 34816 42 4194560 57 0 3 0 200 100 0 0 20 0 2 0 94000 2322432 268 "
            + "18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 1 2 3 4 5 6 7 0"
        let row = ProcessRow(
            pid: 42, uid: 0, gid: 0, statistics: Bytes(statistics.utf8), command: Bytes("sh\0-c\0x y".utf8))
        return ProcessTable(rows: [row], uptime: 1_000_000_000_000, time: 1_600_000_000_000_000_000, memory: 1 << 30)
    }

    private func row(_ arguments: String) throws -> [String] {
        try #require(try ProcessFormat(arguments: arguments).rows(of: table).first)
    }

    @Test("Docker's default is the full format")
    func full() throws {
        #expect(
            try ProcessFormat(arguments: "-ef").titles == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
        #expect(try row("-ef") == ["root", "42", "1", "5", "2020", "pts/0", "00:00:03", "sh -c x y"])
    }

    @Test("BSD's letters have their own columns")
    func user() throws {
        let titles = ["USER", "PID", "%CPU", "%MEM", "VSZ", "RSS", "TTY", "STAT", "START", "TIME", "COMMAND"]
        for arguments in ["aux", "-aux"] { #expect(try ProcessFormat(arguments: arguments).titles == titles) }
        #expect(try ProcessFormat(arguments: "-x").titles == ["PID", "TTY", "STAT", "TIME", "COMMAND"])
        let row = try row("aux")
        #expect(row.prefix(8) == ["root", "42", "5.0", "0.1", "2268", "1072", "pts/0", "Ssl+"])
        #expect(row.suffix(2) == ["0:03", "sh -c x y"])
    }

    @Test("columns are chosen and named")
    func columns() throws {
        let format = try ProcessFormat(arguments: "-eo pid,comm,nlwp,etime,cmd=WHAT")
        #expect(format.titles == ["PID", "COMMAND", "NLWP", "ELAPSED", "WHAT"])
        // Docker takes lines apart at blanks, so a name with blanks moves what is behind it.
        #expect(try row("-eo pid,ni,etimes,comm") == ["42", "0", "60", "a (b) c"])
        #expect(try row("axo pid,stat") == ["42", "Ssl+"])
        #expect(try row("-el").prefix(8) == ["4", "S", "0", "42", "1", "5", "80", "0"])
    }

    @Test(
        "what is not understood is refused in Docker's words",
        arguments: [
            ("-o comm", "Couldn't find PID field in ps output"), ("-o pid=X", "Couldn't find PID field in ps output"),
            ("--nonsense", "ps: error: unknown gnu long option"),
            ("-eo nonsense", "ps: error: unknown user-defined format specifier \"nonsense\""),
            ("-o", "ps: error: format specification must follow -o"), ("-q", "ps: error: unsupported option -q"),
        ])
    func refused(arguments: String, message: String) {
        let error = #expect(throws: EngineError.self) { try ProcessFormat(arguments: arguments) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message == message)
    }
}
