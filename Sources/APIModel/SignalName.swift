// SPDX-License-Identifier: Apache-2.0

/// Signals by name (signal(7), x86 and arm numbers).
public enum SignalName {
    private static let numbers: [String: Int32] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
        "SEGV": 11,
        "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CONT": 18, "STOP": 19, "TSTP": 20,
        "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27, "WINCH": 28, "IO": 29,
        "PWR": 30, "SYS": 31, "RTMIN": 34, "RTMAX": 64,
    ]

    /// The number of `SIGTERM`, `term` or `15`.
    ///
    /// - Returns: `nil` if there is no such signal.
    public static func number(of text: String) -> Int32? {
        if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
        let upper = text.uppercased()
        let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
        return numbers[name] ?? realTime(name)
    }

    /// `RTMIN+3` and `RTMAX-3`; the C library keeps the first two of the kernel's for itself.
    private static func realTime(_ name: String) -> Int32? {
        for (base, sign, limit) in [("RTMIN+", Int32(1), Int32(15)), ("RTMAX-", -1, 14)] where name.hasPrefix(base) {
            guard let distance = Int32(name.dropFirst(base.count)), (1...limit).contains(distance) else { return nil }
            return (sign > 0 ? 34 : 64) + sign * distance
        }
        return nil
    }

    /// `SIGTERM` for 15.
    public static func name(of number: Int32) -> String {
        numbers.first { $0.value == number }.map { "SIG\($0.key)" } ?? String(number)
    }
}
