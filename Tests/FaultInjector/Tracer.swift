// SPDX-License-Identifier: Apache-2.0

import CTrace
import Glibc

/// Holds a process by ptrace(2) and looks at its system calls.
struct Tracer {
    private let options: Options
    /// The daemon's own threads; every other thread belongs to a process that it has made.
    private var own: Set<Int32> = []
    /// Threads of other processes, each with its process.
    private var children: [Int32: Int32] = [:]
    /// Threads that have stopped before their maker said what they are.
    private var early: Set<Int32> = []
    private var count = 0

    init(_ options: Options) { self.options = options }

    /// Takes hold of all threads, also of those that come about meanwhile.
    mutating func attach() -> Bool {
        var isNew = true
        while isNew {
            isNew = false
            for thread in threads(of: options.process) where !own.contains(thread) {
                guard tandem_trace_seize(thread, options.children ? 1 : 0) == 0 || errno == ESRCH else { return false }
                own.insert(thread)
                isNew = true
            }
        }
        return !own.isEmpty
    }

    private func threads(of process: Int32) -> [Int32] {
        guard let folder = opendir("/proc/\(process)/task") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let thread = Int32(name) { found.append(thread) }
        }
        return found
    }

    /// Serves stops until nothing is held any more.
    mutating func run() {
        var stop = tandem_trace_stop()
        while tandem_trace_wait(&stop) == 0 {
            switch stop.event {
            case TANDEM_TRACE_ENDED:
                own.remove(stop.thread)
                children[stop.thread] = nil
                continue
            case TANDEM_TRACE_THREAD:
                if let process = children[stop.thread] {
                    children[stop.made] = process
                } else {
                    own.insert(stop.made)
                }
            case TANDEM_TRACE_CHILD: children[stop.made] = stop.made
            case TANDEM_TRACE_CALL: look(at: stop)
            default: break
            }
            if own.contains(stop.thread) || children[stop.thread] != nil {
                resume(stop.thread, stop.event == TANDEM_TRACE_SIGNAL ? stop.signal : 0)
            } else {
                early.insert(stop.thread)
            }
            if early.remove(stop.made) != nil { resume(stop.made, 0) }
        }
    }

    private func resume(_ thread: Int32, _ signal: Int32) {
        // The daemon's own calls are of no interest where those of its children count: no stop for each.
        let isFollowed = own.contains(thread) != options.children
        _ = tandem_trace_resume(thread, isFollowed ? 1 : 0, signal)
    }

    private mutating func look(at stop: tandem_trace_stop) {
        guard let step = KnownCall.all[Int(stop.number)]?.step(stop, roots: options.roots) else { return }
        let isCounted =
            switch options.fault {
            case .kill: step.changesHost
            case .fail, .none: true
            }
        guard isCounted else { return }
        count += 1
        let text = "\(count) \(step.name) \(step.object)"
        switch options.fault {
        case .fail(count):
            _ = tandem_trace_refuse(stop.thread, step.problem)
            Main.say("fault \(text)")
        case .kill(count):
            kill(children[stop.thread] ?? options.process, SIGKILL)
            Main.say("fault \(text)")
        default: Main.say("call \(text)")
        }
    }
}
