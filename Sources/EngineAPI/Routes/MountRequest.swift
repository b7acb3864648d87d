// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import OCI
import SystemPackage
import TandemModel

/// Collects the mounts of a create request: `Binds`, `Mounts`, `Tmpfs`, and the volumes of the image.
enum MountRequest {
    static func mounts(
        body: JSONValue, host: JSONValue, image: ImageConfiguration.Defaults, inherited: [MountSpec] = []
    ) throws(EngineError) -> [MountSpec] {
        var mounts: [MountSpec] = []
        for text in host["Binds"].strings ?? [] { mounts.append(try bind(text)) }
        for value in host["Mounts"].array ?? [] { mounts.append(try mount(value)) }
        for (target, options) in (host["Tmpfs"].stringMap ?? [:]).sorted(by: { $0.key < $1.key }) {
            try checkTmpfs(options)
            var spec = MountSpec(source: .tmpfs(options: options), target: try checked(target))
            spec.shortForm = ""
            mounts.append(spec)
        }
        var targets: Set<String> = []
        for mount in mounts {
            guard targets.insert(mount.target).inserted else {
                throw EngineError(
                    .invalidArgument, "Duplicate mount point: \(mount.target)", hint: "Mount one thing at each place.")
            }
        }
        // A later workload of `--volumes-from` covers an earlier one.
        for mount in inherited.reversed() where targets.insert(mount.target).inserted { mounts.append(mount) }
        let anonymous = (image.volumes ?? [:]).keys.sorted() + (body["Volumes"].object ?? [:]).keys.sorted()
        for target in anonymous.map({ $0.hasPrefix("/") ? $0 : "/" + $0 })
        where targets.insert(normalized(target)).inserted {
            mounts.append(try anonymousVolume(at: target))
        }
        // A parent before what lies in it.
        return mounts.sorted { depth($0.target) < depth($1.target) }
    }

    private static func anonymousVolume(at target: String) throws(EngineError) -> MountSpec {
        var spec = MountSpec(source: .volume(name: ""), target: try checked(target), anonymous: true)
        spec.shortForm = ""
        return spec
    }

    private static let propagations: Set<String> = ["private", "rprivate", "shared", "rshared", "slave", "rslave"]

    // MARK: The short form

    /// `SOURCE:TARGET[:OPTIONS]`, or an anonymous volume's `TARGET`.
    private static func bind(_ text: String) throws(EngineError) -> MountSpec {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), !parts.contains("") else {
            throw EngineError(
                .invalidArgument, "invalid volume specification: '\(text)'", hint: "Use SOURCE:TARGET[:ro].")
        }
        if parts.count == 1 { return try anonymousVolume(at: parts[0]) }
        let isBind = parts[0].hasPrefix("/")
        let failed = { (reason: String) in
            EngineError(
                .invalidArgument,
                "invalid volume specification: '\(text)': invalid mount config for type \"\(isBind ? "bind" : "volume")\": \(reason)",
                hint: "Use SOURCE:TARGET[:ro], with a target that begins with a slash.")
        }
        let target: String
        do throws(EngineError) {
            target = try checked(parts[1])
        } catch {
            throw failed(error.message)
        }
        var spec = MountSpec(source: .volume(name: parts[0]), target: target)
        if isBind { spec.source = .bind(path: parts[0]) }
        if parts.count == 3 { try setMode(parts[2], of: &spec) }
        if isBind && spec.noCopy { throw failed("field VolumeOptions must not be specified") }
        if !isBind && spec.propagation != "rprivate" { throw failed("field BindOptions must not be specified") }
        if isBind {
            // As dockerd for `-v`.
            spec.makesSource = true
            spec.shortForm = parts.count == 3 ? parts[2] : ""
        } else if parts.count == 3 {
            spec.shortForm = parts[2]
        }
        return spec
    }

    /// dockerd takes one word of each sort.
    private static func setMode(_ mode: String, of spec: inout MountSpec) throws(EngineError) {
        var sorts: Set<String> = []
        for word in mode.split(separator: ",", omittingEmptySubsequences: false).map(String.init) {
            let sort: String
            switch word {
            case "ro", "rw":
                sort = "access"
                spec.readOnly = word == "ro"
            // There is no SELinux whose labels could be changed.
            case "z", "Z": sort = "label"
            case "nocopy":
                sort = "copy"
                spec.noCopy = true
            case _ where propagations.contains(word):
                sort = "propagation"
                spec.propagation = word
            default: sort = ""
            }
            guard !sort.isEmpty, sorts.insert(sort).inserted else {
                throw EngineError(.invalidArgument, "invalid mode: \(mode)", hint: "Use ro or rw.")
            }
        }
    }

    // MARK: The long form

    private static func mount(_ value: JSONValue) throws(EngineError) -> MountSpec {
        let type = value["Type"].string ?? ""
        do throws(EngineError) {
            return try mount(value, type: type)
        } catch  where error.code == .invalidArgument {
            throw EngineError(
                .invalidArgument, "invalid mount config for type \"\(type)\": \(error.message)", hint: error.hint)
        }
    }

    private static func mount(_ value: JSONValue, type: String) throws(EngineError) -> MountSpec {
        guard let text = value["Target"].string, !text.isEmpty else { throw missing("Target") }
        let target = try checked(text)
        let readOnly = value["ReadOnly"].bool ?? false
        let source = value["Source"].string ?? ""
        switch type {
        case "bind":
            return try bindMount(value, source, target, readOnly: readOnly)
        case "volume":
            try refuse(value, "BindOptions", "TmpfsOptions")
            guard !source.isEmpty || !readOnly else {
                throw EngineError(
                    .invalidArgument, "must not set ReadOnly mode when using anonymous volumes",
                    hint: "Give the volume a name.")
            }
            var spec = MountSpec(
                source: .volume(name: source), target: target, readOnly: readOnly,
                noCopy: value["VolumeOptions"]["NoCopy"].bool ?? false, anonymous: source.isEmpty)
            spec.volume = try volume(value["VolumeOptions"])
            return spec
        case "tmpfs":
            try refuse(value, "BindOptions", "VolumeOptions")
            guard source.isEmpty else { throw extra("Source") }
            return MountSpec(
                source: .tmpfs(options: try tmpfsOptions(value["TmpfsOptions"])), target: target, readOnly: readOnly)
        case "image", "cluster":
            throw EngineError(
                .unsupported, "mounts of the type \"\(type)\" are not supported", hint: "Use bind, volume or tmpfs.")
        default:
            throw EngineError(.invalidArgument, "mount type unknown", hint: "Use bind, volume or tmpfs.")
        }
    }

    private static func missing(_ field: String) -> EngineError {
        EngineError(.invalidArgument, "field \(field) must not be empty", hint: "Give it a value.")
    }

    private static func extra(_ field: String) -> EngineError {
        EngineError(.invalidArgument, "field \(field) must not be specified", hint: "Leave it out.")
    }

    private static func refuse(_ value: JSONValue, _ names: String...) throws(EngineError) {
        for name in names where value[name] != .null { throw extra(name) }
    }

    private static let bindOptions: Set<String> = [
        "CreateMountpoint", "NonRecursive", "Propagation", "ReadOnlyForceRecursive", "ReadOnlyNonRecursive",
    ]

    private static func bindMount(
        _ value: JSONValue, _ source: String, _ target: String, readOnly: Bool
    ) throws(EngineError) -> MountSpec {
        guard !source.isEmpty else { throw missing("Source") }
        let options = value["BindOptions"]
        let flag = { (name: String) in options[name].bool ?? false }
        let propagation = options["Propagation"].string.flatMap { $0.isEmpty ? nil : $0 } ?? "rprivate"
        guard propagations.contains(propagation) else {
            throw EngineError(
                .invalidArgument, "invalid propagation mode: \(propagation)", hint: "For example rprivate.")
        }
        for name in (options.object ?? [:]).keys.sorted() where !bindOptions.contains(name) && !options[name].isEmpty {
            throw EngineError(
                .unsupported, "the option \(name) of a bind mount is not supported", hint: "Leave it out.")
        }
        try refuse(value, "VolumeOptions")
        if !value["TmpfsOptions"].isEmpty { throw extra("TmpfsOptions") }
        guard source.hasPrefix("/") else { throw notAbsolute(source) }
        guard !flag("ReadOnlyNonRecursive") || !flag("ReadOnlyForceRecursive") else {
            throw EngineError(
                .invalidArgument, "mount options conflict: ReadOnlyNonRecursive and ReadOnlyForceRecursive",
                hint: "Leave one of them out.")
        }
        guard FileManager.default.fileExists(atPath: source) || flag("CreateMountpoint") else {
            throw EngineError(
                .invalidArgument, "bind source path does not exist: \(source)",
                hint: "Make it first, or use a volume.")
        }
        var spec = MountSpec(
            source: .bind(path: source), target: target, readOnly: readOnly, propagation: propagation)
        let below = MountsBelow(
            excluded: flag("NonRecursive"),
            readOnly: flag("ReadOnlyForceRecursive") ? .always : flag("ReadOnlyNonRecursive") ? .never : .ifPossible)
        if below != MountsBelow() { spec.below = below }
        if flag("CreateMountpoint") { spec.makesSource = true }
        return spec
    }

    private static func tmpfsOptions(_ value: JSONValue) throws(EngineError) -> String {
        var options: [String] = []
        if let size = value["SizeBytes"].integer, size != 0 {
            guard size > 0 else {
                throw EngineError(.invalidArgument, "invalid size: \(size)", hint: "Give a number of bytes.")
            }
            options.append("size=\(size)")
        }
        if let mode = value["Mode"].integer, mode != 0 {
            guard (0...0o7777).contains(mode) else {
                throw EngineError(
                    .invalidArgument, "invalid mode: \(String(mode, radix: 8))", hint: "For example 1777.")
            }
            options.append("mode=\(String(mode, radix: 8))")
        }
        // Pairs, or single words, since API 1.46.
        for option in value["Options"].array ?? [] {
            options.append((option.strings ?? []).joined(separator: "="))
        }
        let text = options.joined(separator: ",")
        try checkTmpfs(text)
        return text
    }

    private static let tmpfsFlags: Set<String> = [
        "async", "atime", "defaults", "dev", "diratime", "dirsync", "exec", "noatime", "nodev", "nodiratime",
        "noexec", "norelatime", "nostrictatime", "nosuid", "relatime", "ro", "rw", "strictatime", "suid", "sync",
    ]

    private static let tmpfsValues: Set<String> = [
        "gid", "mode", "mpol", "nr_blocks", "nr_inodes", "size", "uid",
    ]

    /// moby's `MergeTmpfsOptions`, in its words.
    private static func checkTmpfs(_ options: String) throws(EngineError) {
        for option in options.split(separator: ",").map(String.init) {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 1 ? tmpfsFlags.contains(option) : tmpfsValues.contains(parts[0]) else {
                let shown = parts.map { "\"\($0)\"" }.joined(separator: " ")
                throw EngineError(
                    .invalidArgument, "invalid tmpfs option [\(shown)]", hint: "For example size=64m,mode=1777.")
            }
        }
    }

    /// How a volume is made that is not there yet.
    private static func volume(_ options: JSONValue) throws(EngineError) -> VolumeRequest? {
        let driver = options["DriverConfig"]["Name"].string ?? ""
        guard driver.isEmpty || driver == "local" else {
            throw EngineError(
                .notFound, "error looking up volume plugin \(driver): plugin \"\(driver)\" not found",
                hint: "The only driver is local.")
        }
        guard (options["Subpath"].string ?? "").isEmpty else {
            throw EngineError(
                .unsupported, "a part of a volume cannot be mounted yet", hint: "Mount the whole volume.")
        }
        let labels = options["Labels"].stringMap ?? [:]
        let driverOptions = options["DriverConfig"]["Options"].stringMap ?? [:]
        return labels.isEmpty && driverOptions.isEmpty ? nil : VolumeRequest(labels: labels, options: driverOptions)
    }

    private static func checked(_ target: String) throws(EngineError) -> String {
        let path = normalized(target)
        guard path.hasPrefix("/") else { throw notAbsolute(target) }
        guard path != "/" else {
            throw EngineError(
                .invalidArgument, "invalid specification: destination can't be '/'", hint: "Choose a folder below it.")
        }
        return path
    }

    private static func notAbsolute(_ path: String) -> EngineError {
        EngineError(
            .invalidArgument, "invalid mount path: '\(path)' mount path must be absolute",
            hint: "Begin it with a slash.")
    }

    private static func normalized(_ path: String) -> String { FilePath(path).lexicallyNormalized().string }

    private static func depth(_ path: String) -> Int { path.utf8.count { $0 == 0x2F } }
}
