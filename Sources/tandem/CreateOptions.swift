// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import FoundationEssentials
import Glibc
import TandemModel

/// What `run` and `create` have in common: docker's flags, and `--vm`.
struct CreateOptions: ParsableArguments {
    @Flag(help: "Run it as a virtual machine instead of a container.")
    var vm = false

    @Option(help: "Kind of workload by name: container or vm.")
    var runtime: String?

    @Option(help: "Name.")
    var name: String?

    @Option(help: "When to fetch the image: missing, always or never.")
    var pull = "missing"

    @Flag(name: .shortAndLong, help: "Fetch the image without a word.")
    var quiet = false

    @Option(help: "Platform of the image, for example linux/amd64.")
    var platform: String?

    @Flag(help: "Remove it when it ends.")
    var rm = false

    @Option(help: "When to start it again: no, always, unless-stopped or on-failure[:N].")
    var restart: String?

    @Flag(name: .shortAndLong, help: "Keep standard input open.")
    var interactive = false

    @Flag(name: .shortAndLong, help: "Give it a terminal.")
    var tty = false

    @Option(
        name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Environment variable, with or without a value.", valueName: "name=value"))
    var env: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "File of environment variables.")
    var envFile: [String] = []

    @Option(name: [.customShort("w", allowingJoined: true), .long], help: "Folder in which the command starts.")
    var workdir: String?

    @Option(name: [.customShort("u", allowingJoined: true), .long], help: "User, by name or number, and group.")
    var user: String?

    @Option(parsing: .unconditionalSingleValue, help: "Further group.")
    var groupAdd: [String] = []

    @Option(name: [.customShort("h", allowingJoined: true), .long], help: "Host name.")
    var hostname: String?

    @Option(help: "NIS domain name.")
    var domainname: String?

    @Option(parsing: .unconditional, help: "Program instead of the image's entry point.")
    var entrypoint: String?

    @Option(
        name: [.customShort("v", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Volume or folder of the host.", valueName: "source:target[:ro]"))
    var volume: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Mount in docker's long form.")
    var mount: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Folder in memory, with options after a colon.")
    var tmpfs: [String] = []

    @Flag(help: "Make the root file system read-only.")
    var readOnly = false

    @Option(name: [.customShort("m", allowingJoined: true), .long], help: "Memory, for example 256m; a VM's size.")
    var memory: String?

    @Option(parsing: .unconditional, help: "Memory and swap together; -1 for no limit.")
    var memorySwap: String?

    @Option(help: "Memory that is kept if there is any.")
    var memoryReservation: String?

    @Option(help: "Processors, for example 1.5; rounded up for a VM.")
    var cpus: String?

    @Option(name: [.customShort("c", allowingJoined: true), .long], help: "Share of the processors under load.")
    var cpuShares: Int?

    @Option(help: "Processors by number, for example 0-1.")
    var cpusetCpus: String?

    @Option(parsing: .unconditional, help: "Most processes and threads.")
    var pidsLimit: Int?

    @Option(parsing: .unconditionalSingleValue, help: "Capability to add.")
    var capAdd: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Capability to drop.")
    var capDrop: [String] = []

    @Option(
        parsing: .unconditionalSingleValue,
        help: "no-new-privileges, seccomp=FILE, seccomp=unconfined, systempaths=unconfined.")
    var securityOpt: [String] = []

    @Flag(help: "All capabilities and devices, nothing filtered or masked.")
    var privileged = false

    @OptionGroup var networks: NetworkOptions

    @Flag(name: .customLong("init"), help: "Run a tiny init as process 1.")
    var runInit = false

    @Option(name: [.customShort("l", allowingJoined: true), .long], parsing: .unconditionalSingleValue, help: "Label.")
    var label: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "File of labels.")
    var labelFile: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Process limit, for example nofile=1024:2048.")
    var ulimit: [String] = []

    @Option(help: "Size of /dev/shm.")
    var shmSize: String?

    @Option(parsing: .unconditionalSingleValue, help: "Device of the host.")
    var device: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Kernel parameter.")
    var sysctl: [String] = []

    @Option(parsing: .unconditionalSingleValue, help: "Option of a VM's disk: size=10g, format=qcow2.")
    var storageOpt: [String] = []

    @Option(
        help: "What runs a VM's processors: kvm or tcg; by default what works.",
        completion: .list(["kvm", "tcg"]))
    var accelerator: String?

    @Option(parsing: .unconditionalSingleValue, help: "Annotation, as NAME=VALUE.")
    var annotation: [String] = []

    @Option(help: "json-file or none.")
    var logDriver: String?

    @Option(parsing: .unconditionalSingleValue, help: "max-size or max-file.")
    var logOpt: [String] = []

    @Option(help: "Signal that `stop` sends.")
    var stopSignal: String?

    @Option(parsing: .unconditional, help: "Seconds between that and SIGKILL.")
    var stopTimeout: Int?

    @Option(parsing: .unconditional, help: "Adjustment of the out-of-memory killer, -1000 to 1000.")
    var oomScoreAdj: Int?

    @OptionGroup var health: HealthOptions

    @Option(help: "File that gets the id.")
    var cidfile: String?

    @Argument(
        parsing: .captureForPassthrough, help: ArgumentHelp("Image, command and its arguments.", valueName: "image"))
    var imageAndCommand: [String] = []

    mutating func validate() throws {
        guard let image = imageAndCommand.first else {
            throw ValidationError("\"tandem run\" requires at least 1 argument: IMAGE [COMMAND] [ARG...]")
        }
        guard !image.hasPrefix("-") else { throw ValidationError("unknown flag: \(image)") }
        guard ["missing", "always", "never"].contains(pull) else {
            throw ValidationError("invalid pull option: '\(pull)': must be one of 'missing', 'always' or 'never'")
        }
        guard !vm || runtime == nil || runtime == "vm" else {
            throw ValidationError("--vm and --runtime \(runtime ?? "") contradict each other")
        }
    }

    /// The parameters of `containers/create`.
    var query: [(String, String)] {
        [("name", name), ("platform", platform)].compactMap { key, value in value.map { (key, $0) } }
    }

    /// The body of `containers/create`.
    func body() throws -> JSONValue {
        let command = Array(imageAndCommand.dropFirst())
        var body: JSONValue = [
            "Image": .string(imageAndCommand[0]), "Cmd": command.isEmpty ? nil : .strings(command),
            "Env": .strings(try environment()), "Tty": .bool(tty), "OpenStdin": .bool(interactive),
            "StdinOnce": .bool(interactive), "Labels": .map(try labels()),
        ]
        body["WorkingDir"] = .string(workdir ?? "")
        body["User"] = .string(user ?? "")
        body["Hostname"] = .string(hostname ?? "")
        body["Domainname"] = .string(domainname ?? "")
        if let entrypoint { body["Entrypoint"] = .strings([entrypoint]) }
        if let stopSignal { body["StopSignal"] = .string(stopSignal) }
        if let stopTimeout { body["StopTimeout"] = .count(stopTimeout) }
        if let check = try health.body() { body["Healthcheck"] = check }
        body["HostConfig"] = try hostConfiguration()
        try networks.complete(&body)
        return body
    }

    private func hostConfiguration() throws -> JSONValue {
        var host: JSONValue = [
            "Runtime": .string(vm ? "vm" : runtime ?? ""), "AutoRemove": .bool(rm), "ReadonlyRootfs": .bool(readOnly),
            "Privileged": .bool(privileged), "CapAdd": .strings(capAdd), "CapDrop": .strings(capDrop),
            "Binds": .strings(try volume.map(Self.absolute)), "GroupAdd": .strings(groupAdd),
        ]
        if let restart { host["RestartPolicy"] = try RestartOption.parse(restart) }
        guard !rm || ["", "no"].contains(host["RestartPolicy"]["Name"].string ?? "") else {
            throw CommandFailure(125, "conflicting options: cannot specify both --restart and --rm")
        }
        if runInit { host["Init"] = true }
        host["Memory"] = .count(try bytes(memory, "memory"))
        host["MemorySwap"] = memorySwap == "-1" ? -1 : .count(try bytes(memorySwap, "memory-swap"))
        host["MemoryReservation"] = .count(try bytes(memoryReservation, "memory-reservation"))
        host["ShmSize"] = .count(try bytes(shmSize, "shm-size"))
        host["NanoCpus"] = .integer(try processors())
        host["CpuShares"] = .count(cpuShares ?? 0)
        host["CpusetCpus"] = .string(cpusetCpus ?? "")
        if let pidsLimit { host["PidsLimit"] = .count(pidsLimit) }
        if let oomScoreAdj { host["OomScoreAdj"] = .count(oomScoreAdj) }
        host["SecurityOpt"] = .strings(try securityOpt.map(Self.securityOption))
        host["Sysctls"] = .map(try pairs(sysctl, "sysctl"))
        host["StorageOpt"] = .map(try pairs(storageOpt, "storage-opt"))
        var annotations = try pairs(annotation, "annotation")
        if let accelerator { annotations[Accelerator.annotation] = accelerator }
        if !annotations.isEmpty { host["Annotations"] = .map(annotations) }
        host["Tmpfs"] = .map(Dictionary(tmpfs.map(Self.cut), uniquingKeysWith: { $1 }))
        host["Mounts"] = .array(try mount.map(MountOption.parse))
        host["Ulimits"] = .array(try ulimit.map(Self.limit))
        host["Devices"] = .array(try device.map(Self.device))
        host["LogConfig"] = ["Type": .string(logDriver ?? ""), "Config": .map(try pairs(logOpt, "log-opt"))]
        return host
    }

    // MARK: Values

    private func environment() throws -> [String] {
        var variables: [String] = []
        for path in envFile { variables += try Self.lines(path).compactMap(Self.variable) }
        return variables + env.compactMap(Self.variable)
    }

    /// `NAME` alone takes the caller's value, and is left out if there is none.
    static func variable(_ text: String) -> String? {
        if text.contains("=") { return text }
        return getenv(text).map { "\(text)=\(String(cString: $0))" }
    }

    private func labels() throws -> [String: String] {
        var all: [String] = []
        for path in labelFile { all += try Self.lines(path) }
        return Dictionary((all + label).map(Self.cutAtEqual), uniquingKeysWith: { $1 })
    }

    private static func lines(_ path: String) throws -> [String] {
        let text = try content(path) { "open \(path): \($0)" }
        return text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }.map(String.init)
    }

    private static func content(_ path: String, _ sentence: (String) -> String) throws -> String {
        guard access(path, R_OK) == 0 else {
            throw CommandFailure(
                125, sentence(String(cString: strerror(errno))), hint: "Check the path and its rights.")
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {  // a folder, or other bytes
            throw CommandFailure(125, sentence("it is no text"), hint: "Name a file of UTF-8 text.")
        }
        return text
    }

    private func bytes(_ text: String?, _ flag: String) throws -> UInt64 {
        guard let text else { return 0 }
        guard let count = ByteCount(dockerText: text) else {
            throw CommandFailure(
                125, "invalid argument \"\(text)\" for \"--\(flag)\": invalid size", hint: "For example 64m or 1.5g.")
        }
        return count.bytes
    }

    private func processors() throws -> Int64 {
        guard let cpus else { return 0 }
        guard let number = Double(cpus), number > 0, number < 1e6 else {
            throw CommandFailure(
                125, "invalid argument \"\(cpus)\" for \"--cpus\": it is no number above 0", hint: "For example 1.5.")
        }
        return Int64(number * 1_000_000_000)
    }

    private func pairs(_ texts: [String], _ flag: String) throws -> [String: String] {
        var result: [String: String] = [:]
        for text in texts {
            guard text.contains("=") else {
                throw CommandFailure(
                    125, "invalid argument \"\(text)\" for \"--\(flag)\": it is not NAME=VALUE",
                    hint: "For example --\(flag) name=value.")
            }
            let (name, value) = Self.cutAtEqual(text)
            result[name] = value
        }
        return result
    }

    private static func cutAtEqual(_ text: String) -> (String, String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }

    private static func cut(_ text: String) -> (String, String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return (parts[0], parts.count > 1 ? parts[1] : "")
    }

    /// A relative path begins with a dot; it is the caller's.
    private static func absolute(_ text: String) throws -> String {
        guard text.hasPrefix("."), let colon = text.firstIndex(of: ":") else { return text }
        guard let resolved = realpath(String(text[..<colon]), nil) else {
            throw CommandFailure(125, "the folder '\(text[..<colon])' does not exist", hint: "Make it first.")
        }
        defer { free(resolved) }
        return String(cString: resolved) + text[colon...]
    }

    private static func securityOption(_ text: String) throws -> String {
        guard text.hasPrefix("seccomp="), !["unconfined", "builtin"].contains(String(text.dropFirst(8))) else {
            return text
        }
        let path = String(text.dropFirst(8))
        return "seccomp=\(try content(path) { "opening seccomp profile (\(path)) failed: \($0)" })"
    }

    private static func limit(_ text: String) throws -> JSONValue {
        let (name, value) = cutAtEqual(text)
        let bounds = value.split(separator: ":").map { $0 == "unlimited" ? -1 : Int64($0) }
        guard (1...2).contains(bounds.count), let soft = bounds[0], let hard = bounds[bounds.count - 1] else {
            throw CommandFailure(
                125, "invalid argument \"\(text)\" for \"--ulimit\": it is not NAME=SOFT[:HARD]",
                hint: "For example nofile=1024:2048.")
        }
        return ["Name": .string(name), "Soft": .integer(soft), "Hard": .integer(hard)]
    }

    private static func device(_ text: String) throws -> JSONValue {
        let parts = text.split(separator: ":").map(String.init)
        guard (1...3).contains(parts.count), parts[0].hasPrefix("/") else {
            throw CommandFailure(
                125, "invalid argument \"\(text)\" for \"--device\": it is not PATH[:PATH[:rwm]]",
                hint: "For example /dev/fuse.")
        }
        let isRights = parts.count == 2 && parts[1].allSatisfy { "rwm".contains($0) }
        return [
            "PathOnHost": .string(parts[0]),
            "PathInContainer": .string(parts.count > 1 && !isRights ? parts[1] : parts[0]),
            "CgroupPermissions": .string(parts.count == 3 ? parts[2] : isRights ? parts[1] : "rwm"),
        ]
    }
}
