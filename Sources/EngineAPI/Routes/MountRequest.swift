// SPDX-License-Identifier: Apache-2.0

import APIModel
import FoundationEssentials
import OCI
import SystemPackage
import TandemModel

/// Collects the mounts of a create request: `Binds`, `Mounts`, `Tmpfs`, and the volumes of the image.
enum MountRequest {
    static func mounts(
        body: JSONValue, host: JSONValue, image: ImageConfiguration.Defaults
    ) throws(EngineError) -> [MountSpec] {
        var mounts: [MountSpec] = []
        for text in host["Binds"].strings ?? [] { mounts.append(try bind(text)) }
        for value in host["Mounts"].array ?? [] { mounts.append(try mount(value)) }
        for (target, options) in (host["Tmpfs"].stringMap ?? [:]).sorted(by: { $0.key < $1.key }) {
            mounts.append(MountSpec(source: .tmpfs(options: options), target: try checked(target)))
        }
        var targets: Set<String> = []
        for mount in mounts {
            guard targets.insert(mount.target).inserted else {
                throw EngineError(
                    .invalidArgument, "Duplicate mount point: \(mount.target)", hint: "Mount one thing at each place.")
            }
        }
        let anonymous = (image.volumes ?? [:]).keys.sorted() + (body["Volumes"].object ?? [:]).keys.sorted()
        for target in anonymous where targets.insert(normalized(target)).inserted {
            mounts.append(MountSpec(source: .volume(name: ""), target: try checked(target), anonymous: true))
        }
        // A parent before what lies in it.
        return mounts.sorted { depth($0.target) < depth($1.target) }
    }

    /// `SOURCE:TARGET[:OPTIONS]`, or an anonymous volume's `TARGET`.
    private static func bind(_ text: String) throws(EngineError) -> MountSpec {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (1...3).contains(parts.count), !parts.contains("") else {
            throw EngineError(
                .invalidArgument, "invalid volume specification: '\(text)'", hint: "Use SOURCE:TARGET[:ro].")
        }
        if parts.count == 1 {
            return MountSpec(source: .volume(name: ""), target: try checked(parts[0]), anonymous: true)
        }
        var spec = MountSpec(source: .volume(name: parts[0]), target: try checked(parts[1]))
        if parts[0].hasPrefix("/") {
            spec.source = .bind(path: parts[0])
            // As dockerd for `-v`.
            spec.makesSource = true
        }
        for option in parts.count == 3 ? parts[2].split(separator: ",").map(String.init) : [] {
            switch option {
            case "ro": spec.readOnly = true
            case "rw", "z", "Z": break
            case "nocopy": spec.noCopy = true
            case "private", "rprivate", "shared", "rshared", "slave", "rslave": spec.propagation = option
            default:
                throw EngineError(.invalidArgument, "invalid mode: \(option)", hint: "Use ro or rw.")
            }
        }
        return spec
    }

    private static func mount(_ value: JSONValue) throws(EngineError) -> MountSpec {
        let target = try checked(value["Target"].string ?? "")
        let readOnly = value["ReadOnly"].bool ?? false
        let source = value["Source"].string ?? ""
        switch value["Type"].string ?? "" {
        case "bind":
            guard
                FileManager.default.fileExists(atPath: source) || value["BindOptions"]["CreateMountpoint"].bool == true
            else {
                throw EngineError(
                    .invalidArgument,
                    "invalid mount config for type \"bind\": bind source path does not exist: \(source)",
                    hint: "Make it first, or use a volume.")
            }
            var spec = MountSpec(
                source: .bind(path: source), target: target, readOnly: readOnly,
                propagation: value["BindOptions"]["Propagation"].string.flatMap { $0.isEmpty ? nil : $0 } ?? "rprivate")
            spec.makesSource = value["BindOptions"]["CreateMountpoint"].bool
            return spec
        case "volume", "":
            var spec = MountSpec(
                source: .volume(name: source), target: target, readOnly: readOnly,
                noCopy: value["VolumeOptions"]["NoCopy"].bool ?? false, anonymous: source.isEmpty)
            spec.volume = try volume(value["VolumeOptions"])
            return spec
        case "tmpfs":
            var options: [String] = []
            if let size = value["TmpfsOptions"]["SizeBytes"].integer, size > 0 { options.append("size=\(size)") }
            if let mode = value["TmpfsOptions"]["Mode"].integer, mode > 0 {
                options.append("mode=\(String(mode, radix: 8))")
            }
            return MountSpec(
                source: .tmpfs(options: options.joined(separator: ",")), target: target, readOnly: readOnly)
        case let type:
            throw EngineError(
                .invalidArgument, "invalid mount config: mount type \(type) unknown",
                hint: "Types are bind, volume and tmpfs.")
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
        guard path.hasPrefix("/") else {
            throw EngineError(
                .invalidArgument, "invalid mount path: '\(target)' mount path must be absolute",
                hint: "Begin it with a slash.")
        }
        guard path != "/" else {
            throw EngineError(
                .invalidArgument, "invalid specification: destination can't be '/'", hint: "Choose a folder below it.")
        }
        return path
    }

    private static func normalized(_ path: String) -> String { FilePath(path).lexicallyNormalized().string }

    private static func depth(_ path: String) -> Int { path.utf8.count { $0 == 0x2F } }
}
