// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The columns of ps(1) that `top` can show.
struct ProcessColumn: Sendable {
    /// The name for `-o`.
    let name: String
    /// The title.
    let title: String
    /// What stands in it.
    let value: @Sendable (ProcessDetails) -> String

    private init(_ name: String, _ title: String, _ value: @escaping @Sendable (ProcessDetails) -> String) {
        self.name = name
        self.title = title
        self.value = value
    }

    /// The same with another title.
    func titled(_ title: String) -> ProcessColumn { ProcessColumn(name, title, value) }

    /// A column by any of its names.
    static func named(_ name: String) -> ProcessColumn? {
        let name = aliases[name] ?? name
        return all.first { $0.name == name }
    }

    private static let aliases = [
        "euid": "uid", "euser": "user", "uname": "user", "egid": "gid", "egroup": "group", "pgrp": "pgid",
        "sess": "sid", "session": "sid", "ucmd": "comm", "ucomm": "comm", "cmd": "args", "command": "args",
        "state": "s", "%cpu": "pcpu", "%mem": "pmem", "vsize": "vsz", "rssize": "rss", "rsz": "rss", "nice": "ni",
        "thcount": "nlwp", "tname": "tty", "tt": "tty", "cputime": "time", "cputimes": "times",
        "start_time": "stime", "flag": "f", "flags": "f", "policy": "cls", "class": "cls", "tgid": "pid", "lwp": "pid",
    ]

    private static let all: [ProcessColumn] = [
        ProcessColumn("pid", "PID") { String($0.pid) }, ProcessColumn("ppid", "PPID") { String($0.field(4)) },
        ProcessColumn("pgid", "PGID") { String($0.field(5)) }, ProcessColumn("sid", "SID") { String($0.field(6)) },
        ProcessColumn("tpgid", "TPGID") { String($0.field(8)) }, ProcessColumn("uid", "UID") { String($0.uid) },
        ProcessColumn("user", "USER") { $0.user }, ProcessColumn("gid", "GID") { String($0.gid) },
        ProcessColumn("group", "GROUP") { $0.group }, ProcessColumn("comm", "COMMAND") { $0.shortCommand },
        ProcessColumn("args", "COMMAND") { $0.command }, ProcessColumn("stat", "STAT") { $0.longState },
        ProcessColumn("s", "S") { $0.state },
        ProcessColumn("c", "C") { String(min(99, $0.processorShare / 10)) },
        ProcessColumn("pcpu", "%CPU") { tenths($0.processorShare) },
        ProcessColumn("pmem", "%MEM") { tenths($0.memoryShare) },
        ProcessColumn("vsz", "VSZ") { String($0.field(23) / 1_024) },
        ProcessColumn("rss", "RSS") { String($0.residentMemory) },
        ProcessColumn("sz", "SZ") { String($0.field(23) / 4_096) },
        ProcessColumn("ni", "NI") { String($0.field(19)) },
        ProcessColumn("pri", "PRI") { String(39 - $0.field(18)) },
        ProcessColumn("priority", "PRI") { String($0.field(18)) },
        ProcessColumn("opri", "PRI") { String(60 + $0.field(18)) },
        ProcessColumn("psr", "PSR") { String($0.field(39)) },
        ProcessColumn("rtprio", "RTPRIO") { $0.field(40) == 0 ? "-" : String($0.field(40)) },
        ProcessColumn("cls", "CLS") { schedulingClass($0.field(41)) },
        ProcessColumn("nlwp", "NLWP") { String($0.field(20)) },
        ProcessColumn("maj_flt", "MAJFL") { String($0.field(12)) },
        ProcessColumn("min_flt", "MINFL") { String($0.field(10)) },
        ProcessColumn("tty", "TTY") { $0.terminal }, ProcessColumn("f", "F") { String(($0.field(9) >> 6) & 7) },
        // Where a process sleeps in the kernel is not asked for.
        ProcessColumn("wchan", "WCHAN") { _ in "-" }, ProcessColumn("addr", "ADDR") { _ in "-" },
        ProcessColumn("time", "TIME") { clock($0.ticks / 100, alwaysHours: true) },
        ProcessColumn("times", "TIME") { String($0.ticks / 100) },
        ProcessColumn("bsdtime", "TIME") { "\($0.ticks / 6_000):\(padded($0.ticks / 100 % 60))" },
        ProcessColumn("etime", "ELAPSED") { clock($0.age / 1_000_000_000, alwaysHours: false) },
        ProcessColumn("etimes", "ELAPSED") { String($0.age / 1_000_000_000) },
        ProcessColumn("stime", "STIME") { start($0.started) },
        ProcessColumn("bsdstart", "START") {
            local($0.started, $0.age < 86_400_000_000_000 ? "%H:%M" : "%b%d")
        },
        ProcessColumn("start", "STARTED") {
            local($0.started, $0.age < 86_400_000_000_000 ? "%H:%M:%S" : "%b %d")
        },
        ProcessColumn("lstart", "STARTED") { local($0.started, "%a %b %e %H:%M:%S %Y") },
    ]

    // MARK: Words

    private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }

    private static func tenths(_ thousandths: Int64) -> String { "\(thousandths / 10).\(thousandths % 10)" }

    private static func schedulingClass(_ policy: Int64) -> String {
        [0: "TS", 1: "FF", 2: "RR", 3: "B", 5: "IDL", 6: "DLN", 7: "EXT"][policy] ?? "?"
    }

    /// `[DD-]HH:MM:SS`, or `MM:SS` where hours are left out.
    private static func clock(_ seconds: Int64, alwaysHours: Bool) -> String {
        let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24)
        var text = days > 0 ? "\(padded(days))-" : ""
        if alwaysHours || days > 0 || hours > 0 { text += "\(padded(hours)):" }
        return text + "\(padded(seconds / 60 % 60)):\(padded(seconds % 60))"
    }

    /// The hour on the same day, the day in the same year, or the year.
    private static func start(_ seconds: Int64) -> String {
        var (then, now) = (time_t(seconds), time(nil))
        var (begun, present) = (tm(), tm())
        localtime_r(&then, &begun)
        localtime_r(&now, &present)
        guard begun.tm_year == present.tm_year else { return local(seconds, "%Y") }
        return local(seconds, begun.tm_yday == present.tm_yday ? "%H:%M" : "%b%d")
    }

    private static func local(_ seconds: Int64, _ format: String) -> String {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        var text = [CChar](repeating: 0, count: 64)
        let length = strftime(&text, text.count, format, &parts)
        return String(decoding: text.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
