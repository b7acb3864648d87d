// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import Glibc
import Synchronization

/// A run's folder on this host, which holds its files and a record of what it makes elsewhere.
///
/// It is locked as long as the run lives, so that the next run knows one that was killed by it, and undoes that.
public final class RunFolder: Sendable {
    /// On a disk, rather than in memory as `/tmp` may be: a process's root is measured there.
    public static let usualParent = "/var/tmp"

    private static let prefix = "tandem-bench-"
    static let recordName = "run.json"

    /// What is to be undone elsewhere.
    struct Record: Codable, Sendable, Hashable {
        /// Sockets of the endpoints at which the run's workloads are.
        var sockets: [String] = []
        /// The guest kernels that were used before the run changed that, by socket.
        var kernels: [String: String] = [:]
    }

    /// Absolute path, for its owner only.
    let path: String
    private let lock: Int32
    private let state: Mutex<Record>

    /// The label of a run's workloads, by which they can be found whatever becomes of it.
    static let label = "tandem.benchmark"

    /// Names the run: the value of that label.
    var mark: String { String(path.split(separator: "/").last?.dropFirst(Self.prefix.count) ?? "") }

    /// What the run's workloads are made with.
    var labels: JSONValue { [Self.label: .string(mark)] }

    /// Where the image's files are for processes of the host.
    var processRoot: String { path + "/root" }

    /// What was recorded up to now.
    var record: Record { state.withLock { $0 } }

    /// Makes the folder of a new run.
    public init(in parent: String = usualParent) throws(BenchmarkError) {
        // Named only when it is locked, so that no other run takes it for abandoned.
        let hidden = try Self.makeFolder(in: parent, named: ".\(Self.prefix)")
        let path = parent + "/" + hidden.dropFirst(parent.utf8.count + 2)
        guard let lock = Self.lock(hidden), rename(hidden, path) == 0 else {
            rmdir(hidden)
            throw Self.failure("the folder '\(hidden)' cannot be locked")
        }
        self.path = path
        self.lock = lock
        state = Mutex(Record())
    }

    private init(abandoned path: String, lock: Int32, record: Record) {
        self.path = path
        self.lock = lock
        state = Mutex(record)
    }

    deinit { close(lock) }

    /// The folders of runs that were killed, locked from now on.
    public static func abandoned(in parent: String = usualParent) -> [RunFolder] {
        // Without the folder nothing can be in it.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
        return names.sorted().filter { $0.hasPrefix(prefix) }.compactMap { name in
            let path = "\(parent)/\(name)"
            guard let lock = lock(path) else { return nil }
            // Killed before it had anything to record, or while its files were removed, which comes last.
            let bytes = (try? Data(contentsOf: URL(filePath: "\(path)/\(recordName)"))) ?? Data()
            let record = (try? JSONDecoder().decode(Record.self, from: bytes)) ?? Record()
            return RunFolder(abandoned: path, lock: lock, record: record)
        }
    }

    /// A descriptor that holds the lock of one's own folder; `nil` if somebody else has it.
    private static func lock(_ path: String) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(), flock(descriptor, LOCK_EX | LOCK_NB) == 0
        else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// Records an endpoint before there is any workload at it.
    func add(socket: String) throws(BenchmarkError) {
        try change { record in
            if !record.sockets.contains(socket) { record.sockets.append(socket) }
        }
    }

    /// Records the kernel that an endpoint has used, before that is changed.
    func add(kernel: String, at socket: String) throws(BenchmarkError) {
        try change { record in
            if record.kernels[socket] == nil { record.kernels[socket] = kernel }
        }
    }

    private func change(_ body: (inout Record) -> Void) throws(BenchmarkError) {
        let isKept = state.withLock { record in
            body(&record)
            guard let bytes = try? JSONEncoder().encode(record) else { return false }
            return (try? bytes.write(to: URL(filePath: "\(path)/\(Self.recordName)"), options: .atomic)) != nil
        }
        guard isKept else { throw Self.failure("'\(path)/\(Self.recordName)' cannot be written") }
    }

    /// Makes a folder inside that a workload gets.
    func makeShare() throws(BenchmarkError) -> SharedFolder {
        SharedFolder(path: try Self.makeFolder(in: path, named: "share-"))
    }

    /// Makes a folder whose name begins so, and ends at random.
    private static func makeFolder(in parent: String, named start: String) throws(BenchmarkError) -> String {
        var template = Array("\(parent)/\(start)XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw failure("no folder can be made in '\(parent)'") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func failure(_ sentence: String) -> BenchmarkError {
        BenchmarkError("\(sentence): \(String(cString: strerror(errno)))")
    }
}
