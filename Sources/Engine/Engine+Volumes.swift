// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Glibc
import LinuxSystem
import Logging
import SystemPackage
public import TandemModel
public import VolumeStore

extension Engine {
    /// Names of the workloads that mount a volume.
    public func users(ofVolume name: String) -> [String] {
        workloads.values.filter { workload in
            workload.record.spec.mounts.contains { $0.source == .volume(name: name) }
        }.map(\.id.description).sorted()
    }

    /// Makes a volume, or gives the one of that name.
    public func createVolume(
        name: String?, labels: [String: String], options: [String: String]
    ) throws(EngineError) -> Volume {
        let isNew = name.map { name in !volumes.all.contains { $0.name == name } } ?? true
        let volume = try volumes.create(name: name, labels: labels, options: options)
        if isNew { emit(type: "volume", action: "create", id: volume.name, attributes: ["driver": "local"]) }
        return volume
    }

    /// Removes a volume that no workload mounts, with everything in it.
    ///
    /// A prune tells of all of them at once: as dockerd, it has no event for each.
    ///
    /// - Returns: The bytes that it took; those of something mounted are not counted.
    /// - Throws: `.conflict` in Docker's words if one does.
    @discardableResult
    public func removeVolume(_ name: String, inPrune: Bool = false) async throws(EngineError) -> UInt64 {
        let hasOptions = try !volumes.volume(name).options.isEmpty
        // No suspension between the look at the users and the end of the name.
        let withdrawn = try volumes.withdraw(name, users: users(ofVolume: name))
        if !inPrune { emit(type: "volume", action: "destroy", id: name, attributes: ["driver": "local"]) }
        let size: UInt64 = await BlockingQueue.run {
            let data = withdrawn.appending("_data")
            let content = hasOptions ? [] : Folders.names(in: data)
            return content.reduce(0) { $0 + Folders.diskUsage(data.appending($1)) }
        }
        do throws(EngineError) {
            try await erase(withdrawn)
        } catch {
            // It is out of sight: nobody has to wait until it can be removed.
            inBackground { [self] in
                await persistently("remove the volume '\(name)'") { () throws(EngineError) in
                    try await erase(withdrawn)
                }
            }
        }
        return size
    }

    private nonisolated func erase(_ withdrawn: FilePath) async throws(EngineError) {
        try await BlockingQueue.run { [volumes] () throws(EngineError) in try volumes.erase(withdrawn) }
    }

    /// Removes the volumes that were made for one workload alone, once it is gone.
    func removeAnonymousVolumes(_ names: [String]) async throws(EngineError) {
        for name in names where users(ofVolume: name).isEmpty {
            do throws(EngineError) {
                try await removeVolume(name)
            } catch  where error.code == .notFound {
                // Somebody has removed it by name.
            }
        }
    }

    // MARK: Creating a workload

    /// Gives names to anonymous volumes.
    ///
    /// - Returns: The names of the volumes that have to be made; `nil` if the workload mounts no volume at all.
    func nameVolumes(of spec: inout WorkloadSpec) throws(EngineError) -> [String]? {
        var missing: [String]?
        let present = Set(volumes.all.map(\.name))
        for index in spec.mounts.indices {
            guard case .volume(var name) = spec.mounts[index].source else { continue }
            if name.isEmpty {
                name = WorkloadID.random().description
                spec.mounts[index].source = .volume(name: name)
                spec.mounts[index].anonymous = true
            }
            try volumes.check(name, options: spec.mounts[index].volume?.options ?? [:])
            missing = (missing ?? []) + (present.contains(name) ? [] : [name])
        }
        return missing
    }

    /// Makes the volumes that a workload mounts and that are not there.
    func makeVolumes(of spec: WorkloadSpec) throws(EngineError) {
        for mount in spec.mounts {
            guard case .volume(let name) = mount.source else { continue }
            var labels = mount.volume?.labels ?? [:]
            if mount.anonymous { labels[Volume.anonymousLabel] = "" }
            _ = try createVolume(name: name, labels: labels, options: mount.volume?.options ?? [:])
        }
    }

    /// Removes volumes that were made for a workload that is not to be.
    func takeBack(_ names: [String]) async throws(EngineError) {
        for name in names {
            do throws(EngineError) {
                try await removeVolume(name)
            } catch  where error.code == .conflict || error.code == .notFound {
                // Another workload has found a use for it, or it has not been made.
            }
        }
    }

    /// Fills empty volumes with what the image has in their places, as Docker does when a container is made.
    func fillVolumes(_ request: WorkloadRequest) async throws(EngineError) {
        let wanted = request.spec.mounts.compactMap { mount -> (target: String, volume: String)? in
            guard case .volume(let name) = mount.source, !mount.noCopy else { return nil }
            return (mount.target, name)
        }
        guard !wanted.isEmpty else { return }
        try await BlockingQueue.run { [volumes, layers] () throws(EngineError) in
            try layers.withRoot(of: request.layers) { root throws(EngineError) in
                for (target, volume) in wanted {
                    guard let folder = try Self.folder(target, in: root) else { continue }
                    defer { close(folder) }
                    try volumes.fill(volume, from: folder)
                }
            }
        }
    }

    /// Opens a folder of an image; links in it lead back into the image.
    ///
    /// - Returns: `nil` if there is nothing.
    private static func folder(_ path: String, in root: Int32) throws(EngineError) -> Int32? {
        let folder = tandem_open_in_root(root, path, UInt64(O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0)
        if folder >= 0 { return folder }
        switch errno {
        case ENOENT, ELOOP: return nil
        case ENOTDIR:
            throw EngineError(
                .invalidArgument, "cannot mount volume over existing file, file exists \(path)",
                hint: "Mount it at a folder.")
        default:
            throw EngineError(.internal, "the image's '\(path)' cannot be opened: \(String(cString: strerror(errno)))")
        }
    }

    // MARK: Running a workload

    func volumeNames(_ workload: Workload) -> [String] {
        workload.record.spec.mounts.compactMap { mount in
            guard case .volume(let name) = mount.source else { return nil }
            return name
        }
    }

    /// Mounts those volumes of a workload that have to be.
    func acquireVolumes(_ workload: Workload) async throws(EngineError) {
        let (names, user) = (volumeNames(workload), workload.id.description)
        guard !names.isEmpty else { return }
        try await BlockingQueue.run { [volumes] () throws(EngineError) in try volumes.acquire(names, by: user) }
    }

    /// Unmounts those volumes that only this workload used.
    nonisolated func releaseVolumes(_ id: WorkloadID) async throws(EngineError) {
        try await BlockingQueue.run { [volumes] () throws(EngineError) in try volumes.release(by: id.description) }
    }
}
