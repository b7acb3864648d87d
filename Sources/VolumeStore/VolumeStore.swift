// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import LinuxSystem
import Synchronization
public import SystemPackage
public import TandemModel

/// A folder that outlives workloads; containers and VMs share it.
public struct Volume: Sendable, Codable, Hashable {
    /// The name; 64 hexadecimal digits for an anonymous one.
    public let name: String
    /// When it was made.
    public let created: Timestamp
    /// Labels.
    public let labels: [String: String]
    /// Options of the driver `local`.
    public let options: [String: String]

    /// Whether it was made without a name, for one workload.
    public var isAnonymous: Bool { labels[Self.anonymousLabel] != nil }

    /// By this label Docker knows an anonymous volume.
    public static let anonymousLabel = "com.docker.volume.anonymous"
}

/// The volumes of the driver `local`: a folder each with `_data` and a description beside it.
public final class VolumeStore: Sendable {
    private let root: FilePath
    private let volumes: Mutex<[String: Volume]>
    /// Who uses those volumes that are mounted while they are used.
    let users = Mutex<[String: Set<String>]>([:])

    /// Opens a store, or makes an empty one.
    ///
    /// Blocks.
    public init(root: FilePath) throws(EngineError) {
        self.root = root
        try Folders.make(root, mode: 0o701)
        var found: [String: Volume] = [:]
        for name in Folders.names(in: root) {
            guard !name.hasPrefix(Self.removedPrefix) else {
                try Folders.remove(root.appending(name))
                continue
            }
            let description = root.appending(name).appending("volume.json")
            // A folder without a description is what a crash has left of one that was being made or removed.
            if let content = try? Data(contentsOf: URL(filePath: description.string)),
                let volume = try? JSONDecoder().decode(Volume.self, from: content), volume.name == name
            {
                found[name] = volume
                let folder = root.appending(name)
                try Self.removeUnfinished(in: folder.appending("_data"), mark: folder.appending(Self.markName))
            } else {
                try MountPoint.detach(root.appending(name).appending("_data"))
                try Folders.remove(root.appending(name))
            }
        }
        volumes = Mutex(found)
    }

    /// The folder that workloads see.
    public func path(of volume: Volume) -> FilePath { path(of: volume.name) }

    /// The folder that workloads see, whether or not the volume is there.
    public func path(of name: String) -> FilePath { root.appending(name).appending("_data") }

    private static let markName = "filling"

    /// Present while a volume is being filled.
    func fillingMark(of name: String) -> FilePath { root.appending(name).appending(Self.markName) }

    /// All volumes by name.
    public var all: [Volume] { volumes.withLock { $0.values.sorted { $0.name < $1.name } } }

    /// Finds a volume.
    ///
    /// - Throws: `.notFound` in Docker's words.
    public func volume(_ name: String) throws(EngineError) -> Volume {
        guard let volume = volumes.withLock({ $0[name] }) else {
            throw EngineError(.notFound, "get \(name): no such volume", hint: "`tandem volume ls` lists what there is.")
        }
        return volume
    }

    /// Makes a volume, or gives the one of that name.
    ///
    /// Blocks.
    ///
    /// - Throws: `.invalidArgument` for a name that none may have, or options that do not exist.
    public func create(
        name: String?, labels: [String: String] = [:], options: [String: String] = [:]
    ) throws(EngineError) -> Volume {
        if let name { try check(name, options: options) }
        _ = try VolumeOptions(options)
        let labels = name == nil ? labels.merging([Volume.anonymousLabel: ""]) { old, _ in old } : labels
        return try volumes.withLock { volumes throws(EngineError) in
            if let name, let present = volumes[name] { return present }
            let volume = Volume(
                name: name ?? WorkloadID.random().description, created: HostTime.now, labels: labels, options: options)
            let folder = root.appending(volume.name)
            do throws(EngineError) {
                try make(volume, in: folder)
            } catch {
                var reported = error
                do throws(EngineError) {
                    try Folders.remove(folder)
                } catch {
                    reported.cleanupFailures.append(.init(step: "remove its folder", message: error.message))
                }
                throw reported
            }
            volumes[volume.name] = volume
            return volume
        }
    }

    private func make(_ volume: Volume, in folder: FilePath) throws(EngineError) {
        try Folders.make(folder, mode: 0o701)
        try Folders.make(folder.appending("_data"), mode: 0o755)
        do {
            let content = try JSONEncoder().encode(volume)
            try content.write(to: URL(filePath: folder.appending("volume.json").string), options: .atomic)
        } catch {
            throw EngineError(
                .resourceExhausted, "the volume '\(volume.name)' cannot be made",
                hint: "Free some space on the data root's file system.", cause: error)
        }
    }

    /// Removes a volume with everything in it.
    ///
    /// Blocks. `users` are the workloads that mount it.
    ///
    /// - Throws: `.conflict` in Docker's words if there are any.
    public func remove(_ name: String, users: [String]) throws(EngineError) {
        try erase(try withdraw(name, users: users))
    }

    /// Takes a volume out of the store, without yet removing what is in it, which may take long.
    ///
    /// - Returns: Where it lies now; what is left there after a crash is swept at the next start.
    public func withdraw(_ name: String, users: [String]) throws(EngineError) -> FilePath {
        _ = try volume(name)
        guard users.isEmpty else {
            throw EngineError(
                .conflict, "remove \(name): volume is in use - [\(users.joined(separator: ", "))]",
                hint: "Remove the workloads that use it first.")
        }
        return try volumes.withLock { volumes throws(EngineError) in
            // What is mounted there is not the volume's own.
            if volumes[name]?.options.isEmpty == false { try MountPoint.detach(path(of: name)) }
            let removed = root.appending(Self.removedPrefix + "\(UInt64.random(in: 0...UInt64.max))")
            let moved = root.appending(name).withPlatformString { from in
                removed.withPlatformString { rename(from, $0) }
            }
            guard moved == 0 else {
                throw EngineError(
                    .internal, "the volume '\(name)' cannot be removed: \(String(cString: strerror(errno)))")
            }
            volumes[name] = nil
            return removed
        }
    }

    /// Removes what `withdraw` has taken out.
    ///
    /// Blocks.
    public func erase(_ withdrawn: FilePath) throws(EngineError) { try Folders.remove(withdrawn) }

    private static let removedPrefix = ".removed-"

    /// Whether a volume may have a name and options.
    ///
    /// Docker's rule for names: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
    ///
    /// - Throws: `.invalidArgument`, as `create` would.
    public func check(_ name: String, options: [String: String]) throws(EngineError) {
        _ = try VolumeOptions(options)
        let bytes = Array(name.utf8)
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        let isValid =
            bytes.count >= 2 && bytes.count <= 255 && isWord(bytes[0])
            && bytes.allSatisfy { isWord($0) || [0x5F, 0x2E, 0x2D].contains($0) }
        guard bytes.count != 1 else {
            throw EngineError(
                .invalidArgument,
                "create \(name): volume name is too short, names should be at least two alphanumeric characters",
                hint: "Choose a longer one.")
        }
        guard isValid else {
            throw EngineError(
                .invalidArgument,
                "create \(name): \"\(name)\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path",
                hint: "Use letters, digits, '_', '.' and '-'.")
        }
    }
}
