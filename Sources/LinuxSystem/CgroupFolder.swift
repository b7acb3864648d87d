// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage
import TandemModel

/// One folder of a cgroup file system.
struct CgroupFolder: Sendable {
    let path: FilePath

    init(_ path: FilePath) { self.path = path }

    subscript(name: String) -> CgroupFolder { CgroupFolder(path.appending(name)) }

    var exists: Bool { path.withPlatformString { access($0, F_OK) == 0 } }

    func has(_ file: String) -> Bool { path.appending(file).withPlatformString { access($0, F_OK) == 0 } }

    /// The folders on the way from a root to this one, the root excluded.
    func steps(from root: CgroupFolder) -> [CgroupFolder] {
        var steps: [CgroupFolder] = []
        var step = path
        while step != root.path, step.starts(with: root.path) {
            steps.insert(CgroupFolder(step), at: 0)
            step.removeLastComponent()
        }
        return steps
    }

    /// Makes the folder; one that exists is fine.
    func make() throws(EngineError) {
        let result = path.withPlatformString { mkdir($0, 0o755) }
        guard result == 0 || errno == EEXIST else { throw failure("cannot be made") }
    }

    func write(_ value: String, to file: String) throws(EngineError) {
        let descriptor = path.appending(file).withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_WRONLY | O_CLOEXEC, 0)
        }
        guard descriptor >= 0 else { throw failure("has no '\(file)'") }
        defer { close(descriptor) }
        var text = value
        let written = text.withUTF8 { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written >= 0 else { throw failure("refuses '\(value)' for '\(file)'") }
    }

    /// The content of a file; `nil` if there is none.
    func read(_ file: String) -> String? { KernelFile.text(path.appending(file)) }

    /// A file with one number; `max` and negative numbers are no number.
    func number(_ file: String) -> UInt64? {
        read(file).flatMap { UInt64($0.filter { !$0.isWhitespace }) }
    }

    /// A file with a key and a number on each line.
    func table(_ file: String) -> [String: UInt64] {
        var result: [String: UInt64] = [:]
        for line in (read(file) ?? "").split(separator: "\n") {
            let parts = line.split(separator: " ")
            if parts.count == 2, let value = UInt64(parts[1]) { result[String(parts[0])] = value }
        }
        return result
    }

    /// The process ids in `cgroup.procs`.
    var processes: [Int32] { (read("cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) } }

    /// The process ids in this group and all below: a workload may make groups of its own.
    var allProcesses: [Int32] { processes + children.flatMap { self[$0].allProcesses } }

    /// The names of the groups below.
    var children: [String] {
        guard let stream = path.withPlatformString({ opendir($0) }) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if entry.pointee.d_type == UInt8(DT_DIR), name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Removes the folder and those below it.
    ///
    /// The kernel needs a moment after the last process has ended.
    func remove() throws(EngineError) {
        for child in children { try self[child].remove() }
        for attempt in 0..<200 {
            if path.withPlatformString({ rmdir($0) }) == 0 || errno == ENOENT { return }
            guard errno == EBUSY else { break }
            usleep(attempt < 20 ? 500 : 10_000)
        }
        throw failure("cannot be removed")
    }

    private func failure(_ what: String) -> EngineError {
        let number = errno
        let code: EngineError.Code =
            switch number {
            case EACCES, EPERM, EROFS: .permissionDenied
            case EINVAL, ERANGE, ENOSPC, EBUSY: .invalidArgument
            case EOPNOTSUPP: .unsupported
            default: .internal
            }
        return EngineError(code, "the control group '\(path)' \(what): \(String(cString: strerror(number)))")
    }
}
