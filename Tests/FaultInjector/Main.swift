// SPDX-License-Identifier: Apache-2.0

import CTrace
import Glibc

/// Lets one system call of a running daemon, or of the processes that it makes, fail or be the last one.
///
/// As strace's `inject`, but with one count over all threads: an operation of the daemon hops between threads, and
/// strace counts for each of them.
///
/// It goes on until it is killed, and then leaves everything to run on. What it prints, line by line:
///
///     attached
///     call NUMBER NAME OBJECT
///     fault NUMBER NAME OBJECT
@main
struct Main {
    static func main() {
        guard let options = Options(CommandLine.arguments.dropFirst()) else {
            say("usage: fault-injector --process PID --roots DIR:DIR [--children] [--fail NUMBER | --kill NUMBER]")
            exit(2)
        }
        var tracer = Tracer(options)
        guard tracer.attach() else {
            say("cannot attach to \(options.process): \(String(cString: strerror(errno)))")
            exit(1)
        }
        say("attached")
        tracer.run()
    }

    /// Every line is written at once: the reader waits for it, and this process ends by a signal.
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }
}

/// What is asked for.
struct Options {
    /// What happens at the call with the number that was given.
    enum Fault {
        case none
        case fail(Int)
        case kill(Int)
    }

    var process: Int32 = 0
    /// Only calls that concern something below these folders count.
    var roots: [String] = []
    /// Whether the calls of the processes that the daemon makes count, instead of its own.
    var children = false
    var fault = Fault.none

    init?(_ arguments: ArraySlice<String>) {
        var rest = arguments
        while let name = rest.popFirst() {
            if name == "--children" {
                children = true
                continue
            }
            guard let value = rest.popFirst() else { return nil }
            switch name {
            case "--process": process = Int32(value) ?? 0
            case "--roots": roots = value.split(separator: ":").map(String.init)
            case "--fail": fault = .fail(Int(value) ?? 0)
            case "--kill": fault = .kill(Int(value) ?? 0)
            default: return nil
            }
        }
        if process <= 0 || roots.isEmpty { return nil }
    }
}
