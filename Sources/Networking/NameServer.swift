// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// The DNS server of one network: dnsmasq, which goes on while the daemon is down.
///
/// It knows the names that lie in a folder, one file for each workload, and reads what changes there. What it does not
/// know it refuses, so that resolvers ask the next server; only where the host's own servers cannot be reached from a
/// network does it pass questions on to them.
struct NameServer {
    static let program = "/usr/sbin/dnsmasq"

    /// Its files: names, and its process.
    let folder: FilePath

    private var names: FilePath { folder.appending("names") }
    private var processFile: FilePath { folder.appending("pid") }
    /// Every name that it knows, so that it says of them itself that they have no address of another family.
    private var known: FilePath { folder.appending("known") }

    /// Starts it, unless it runs.
    ///
    /// Blocks until it answers.
    func start(link: String, addresses: [IPAddress], forwards: Bool) throws(EngineError) {
        guard try process == nil else { return }
        try Folders.make(names, mode: 0o755)
        try rebuild()
        var arguments = [
            // No file of the host's own dnsmasq.
            "--conf-file=/dev/null", "--pid-file=\(processFile)", "--user=root", "--bind-interfaces",
            "--interface=\(link)", "--except-interface=lo", "--no-hosts", "--hostsdir=\(names)", "--no-negcache",
            "--cache-size=1000", "--local-ttl=0", "--servers-file=\(known)",
        ]
        arguments += addresses.map { "--listen-address=\($0)" }
        if !forwards { arguments.append("--no-resolv") }
        do throws(EngineError) {
            try SystemProgram(path: Self.program, arguments: arguments).run()
        } catch {
            throw EngineError(
                error.code, "the name server of a network cannot be started: \(error.message)",
                hint:
                    "Install dnsmasq-base; if port 53 is taken on every address, let that server bind to its own alone."
            )
        }
    }

    /// Ends it, and forgets all names.
    func stop() throws(EngineError) {
        try process?.endBlocking(graceMilliseconds: 0)
        guard try process == nil else {
            throw EngineError(
                .internal, "the name server in '\(folder)' cannot be ended",
                hint: "Try again; it goes with its network.")
        }
        try Folders.remove(folder)
    }

    /// The running server.
    ///
    /// - Throws: If that cannot be found out: one that is taken for none would be left alone for ever.
    private var process: HostProcess? {
        get throws(EngineError) {
            guard let text = try Self.read(processFile), let id = Int32(text.filter(\.isNumber)),
                // The number may be another process's by now.
                try Self.read(FilePath("/proc/\(id)/cmdline"))?.contains(processFile.string) == true
            else { return nil }
            return HostProcess(id)
        }
    }

    /// Says which names a workload has, for each of its addresses.
    func write(_ id: WorkloadID, _ own: [String], _ addresses: [IPAddress]) throws(EngineError) {
        try write(addresses.map { "\($0) \(own.joined(separator: " "))\n" }.joined(), to: names.appending(id.short))
        // Those of before stay known until the next removal.
        try write(Self.knownLines(own), to: known, flags: O_APPEND)
        try reload()
    }

    /// Forgets a workload's names.
    func remove(_ id: String) throws(EngineError) {
        unlink(names.appending(id).string)
        try rebuild()
        try reload()
    }

    private func rebuild() throws(EngineError) {
        var all: [String] = []
        for name in Folders.names(in: names) {
            for line in try Self.read(names.appending(name))?.split(separator: "\n") ?? [] {
                all += line.split(separator: " ").dropFirst().map(String.init)
            }
        }
        try write(Self.knownLines(Array(Set(all))), to: known)
    }

    private static func knownLines(_ names: [String]) -> String { names.map { "server=/\($0)/\n" }.joined() }

    private func reload() throws(EngineError) {
        if let process = try process { kill(process.id, SIGHUP) }
    }

    private func write(_ content: String, to file: FilePath, flags: Int32 = 0) throws(EngineError) {
        let place = flags == 0 ? folder.appending("new") : file
        let mode = flags == 0 ? O_TRUNC : flags
        let descriptor = open(place.string, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o644)
        guard descriptor >= 0 else { throw failure }
        let written = Glibc.write(descriptor, content, content.utf8.count)
        close(descriptor)
        // Whole, and in one step: the server reads what is moved in.
        guard written == content.utf8.count, flags != 0 || rename(place.string, file.string) == 0 else { throw failure }
    }

    /// The beginnings of the ids of all workloads that have names.
    var workloads: [String] { Folders.names(in: names) }

    private var failure: EngineError {
        EngineError(.internal, "names cannot be written to '\(names)': \(String(cString: strerror(errno)))")
    }

    /// A file's content; `nil` if there is none.
    private static func read(_ path: FilePath) throws(EngineError) -> String? {
        let descriptor = open(path.string, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            guard errno == ENOENT || errno == ESRCH else {
                throw EngineError(.internal, "'\(path)' cannot be read: \(String(cString: strerror(errno)))")
            }
            return nil
        }
        defer { close(descriptor) }
        var (content, buffer): ([UInt8], [UInt8]) = ([], Array(repeating: 0, count: 4_096))
        while case let count = Glibc.read(descriptor, &buffer, buffer.count), count > 0 {
            content += buffer.prefix(count)
        }
        return content.isEmpty ? nil : String(decoding: content, as: UTF8.self)
    }
}
