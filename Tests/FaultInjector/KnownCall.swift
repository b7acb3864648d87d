// SPDX-License-Identifier: Apache-2.0

import CTrace
import Glibc

/// A system call of interest: how it names its object, and how it may plausibly fail.
struct KnownCall {
    /// Where the object of a call is named.
    enum Object {
        /// A path in an argument, below a folder whose descriptor is in another one.
        case path(Int, folder: Int? = nil)
        /// A descriptor of a file.
        case descriptor(Int)
        /// Nothing on a file system.
        case none
    }

    var name: String
    var object: Object
    var problem: Int32
    var changesHost = true

    /// One call that counts.
    struct Step {
        var name: String
        var object: String
        var problem: Int32
        /// Whether the call may change what is on the host; the others only take descriptors.
        var changesHost: Bool
    }

    /// - Returns: `nil` if the call does not concern anything below the roots.
    func step(_ stop: tandem_trace_stop, roots: [String]) -> Step? {
        let call = Call(stop)
        var step = Step(name: name, object: "", problem: problem, changesHost: changesHost)
        switch object {
        case .path(let index, let folder):
            step.object = call.path(index, folder: folder)
            guard concerns(step.object, roots) else { return nil }
            let flags = name == "openat" ? Int32(truncatingIfNeeded: call[2]) : O_CREAT
            if flags & (O_CREAT | O_TRUNC) == 0 {
                step.problem = EMFILE
                step.changesHost = false
            }
        case .descriptor(let index):
            step.object = call.descriptor(index)
            guard concerns(step.object, roots) || step.object.hasPrefix("/memfd:") else { return nil }
        case .none:
            if name == "fcntl", ![F_DUPFD, F_DUPFD_CLOEXEC].contains(Int32(truncatingIfNeeded: call[1])) { return nil }
            if name.hasPrefix("clone"), call.cloneFlags(name) & UInt64(CLONE_THREAD) != 0 { return nil }
        }
        return step
    }

    private func concerns(_ path: String, _ roots: [String]) -> Bool {
        roots.contains { path == $0 || path.hasPrefix($0 == "/" ? $0 : $0 + "/") }
    }
}

/// The arguments of a call that a thread is about to make.
struct Call {
    private let thread: Int32
    private let arguments: [UInt64]

    init(_ stop: tandem_trace_stop) {
        thread = stop.thread
        arguments = withUnsafeBytes(of: stop.arguments) { Array($0.bindMemory(to: UInt64.self)) }
    }

    subscript(index: Int) -> UInt64 { arguments[index] }

    func path(_ index: Int, folder: Int?) -> String {
        let text = string(arguments[index])
        if text.hasPrefix("/") { return text }
        if let folder, Int32(truncatingIfNeeded: arguments[folder]) != AT_FDCWD {
            let base = descriptor(folder)
            return text.isEmpty ? base : base + "/" + text
        }
        return link("/proc/\(thread)/cwd") + "/" + text
    }

    func descriptor(_ index: Int) -> String {
        link("/proc/\(thread)/fd/\(Int32(truncatingIfNeeded: arguments[index]))")
    }

    /// clone(2) has its flags in a register, clone3(2) at the beginning of a structure.
    func cloneFlags(_ name: String) -> UInt64 {
        guard name == "clone3" else { return arguments[0] }
        var bytes = [CChar](repeating: 0, count: 9)
        // Flags are less than 2^35 and their bytes may be 0: each is read by itself.
        var flags: UInt64 = 0
        for index in 0..<8 {
            _ = tandem_trace_string(thread, arguments[0] + UInt64(index), &bytes, 2)
            flags |= UInt64(UInt8(bitPattern: bytes[0])) << UInt64(8 * index)
        }
        return flags
    }

    private func string(_ address: UInt64) -> String {
        var buffer = [CChar](repeating: 0, count: 4_096)
        let length = tandem_trace_string(thread, address, &buffer, buffer.count)
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private func link(_ path: String) -> String {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }
}
