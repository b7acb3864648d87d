// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The names that Docker gives to the limits of setrlimit(2).
public enum ProcessLimitName {
    /// The kernel's numbers by name (asm-generic/resource.h).
    private static let numbers: [String: UInt32] = [
        "cpu": 0, "fsize": 1, "data": 2, "stack": 3, "core": 4, "rss": 5, "nproc": 6, "nofile": 7, "memlock": 8,
        "as": 9,
        "locks": 10, "sigpending": 11, "msgqueue": 12, "nice": 13, "rtprio": 14, "rttime": 15,
    ]

    /// The kernel's number of a limit.
    ///
    /// - Returns: `nil` if there is no such limit.
    public static func number(of name: String) -> UInt32? { numbers[name] }

    /// All names, sorted.
    public static var all: [String] { numbers.keys.sorted() }
}
