// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
public import TandemModel

/// Volumes with options are mounted from their first user to their last one.
extension VolumeStore {
    /// Says that somebody uses volumes, and mounts those that have to be; all of them or none.
    ///
    /// Blocks.
    public func acquire(_ names: [String], by user: String) throws(EngineError) {
        do throws(EngineError) {
            for name in names { try acquire(name, by: user) }
        } catch {
            var reported = error
            do throws(EngineError) {
                try release(by: user)
            } catch {
                reported.cleanupFailures.append(.init(step: "unmount volumes", message: error.message))
            }
            throw reported
        }
    }

    private func acquire(_ name: String, by user: String) throws(EngineError) {
        let volume = try volume(name)
        guard let options = try VolumeOptions(volume.options) else { return }
        let folder = path(of: volume)
        try users.withLock { users throws(EngineError) in
            if users[name] == nil, !MountPoint.isMounted(folder) { try options.mount(on: folder) }
            users[name, default: []].insert(user)
        }
    }

    /// Says that a user of an earlier daemon goes on; what it uses is mounted already.
    public func adopt(_ names: [String], by user: String) {
        users.withLock { users in
            for name in names { users[name, default: []].insert(user) }
        }
    }

    /// Says that a user is done with everything, and unmounts what nobody else uses.
    ///
    /// Blocks.
    public func release(by user: String) throws(EngineError) {
        var problem: EngineError?
        users.withLock { users in
            for name in users.keys where users[name]?.remove(user) != nil && users[name]?.isEmpty == true {
                users[name] = nil
                do throws(EngineError) {
                    try MountPoint.detach(path(of: name))
                } catch {
                    problem = error
                }
            }
        }
        if let problem { throw problem }
    }

    /// Unmounts what an earlier daemon has left mounted for nobody.
    ///
    /// Blocks. To be called once all users are known again.
    public func sweep() throws(EngineError) {
        for volume in all where !volume.options.isEmpty {
            try users.withLock { users throws(EngineError) in
                if users[volume.name] == nil { try MountPoint.detach(path(of: volume)) }
            }
        }
    }
}

/// An empty volume is filled from the image that it is mounted into.
extension VolumeStore {
    /// Copies a folder into a volume, with the folder's own owner and mode, if the volume is empty.
    ///
    /// Blocks. If it fails the volume is empty again.
    public func fill(_ name: String, from source: Int32) throws(EngineError) {
        let volume = try volume(name)
        let user = "filling-\(UInt64.random(in: 0...UInt64.max))"
        try acquire([name], by: user)
        let result: Result<Void, EngineError>
        do throws(EngineError) {
            try fillMounted(volume, from: source)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        try release(by: user)
        try result.get()
    }

    private func fillMounted(_ volume: Volume, from source: Int32) throws(EngineError) {
        let folder = path(of: volume)
        let target = folder.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard target >= 0 else {
            throw EngineError(.internal, "the folder of the volume '\(volume.name)' cannot be opened")
        }
        defer { close(target) }
        // Two workloads that are made at the same time: one fills it, the other one finds it full.
        while flock(target, LOCK_EX) != 0 && errno == EINTR {}
        guard Folders.isEmpty(folder) else { return }
        guard let names = Folders.rawNames(in: source) else {
            throw EngineError(.internal, "the image's folder for the volume '\(volume.name)' cannot be read")
        }
        // What is mounted there is gone, or not ours, after a crash.
        if volume.options.isEmpty { try mark(volume.name, names) }
        do throws(EngineError) {
            try TreeCopy.copy(from: source, to: target)
        } catch {
            var reported = error
            do throws(EngineError) {
                try Folders.remove(names, in: folder)
                try Folders.remove(fillingMark(of: volume.name))
            } catch {
                reported.cleanupFailures.append(.init(step: "empty the volume", message: error.message))
            }
            throw reported
        }
        try Folders.remove(fillingMark(of: volume.name))
    }

    /// Notes down what is about to come into a volume, for the daemon that follows if this one does not finish.
    private func mark(_ name: String, _ entries: [[UInt8]]) throws(EngineError) {
        do {
            let content = Data(entries.joined(separator: [0]))
            try content.write(to: URL(filePath: fillingMark(of: name).string), options: .atomic)
        } catch {
            throw EngineError(
                .resourceExhausted, "the volume '\(name)' cannot be filled",
                hint: "Free some space on the data root's file system.", cause: error)
        }
    }

    /// Removes what an earlier daemon has copied into a volume without finishing: half filled it would stay for ever.
    static func removeUnfinished(in folder: FilePath, mark: FilePath) throws(EngineError) {
        // A mark that cannot be read is none: it is written before anything is copied.
        guard let content = try? Data(contentsOf: URL(filePath: mark.string)) else { return }
        try Folders.remove(content.split(separator: 0).map { Array($0) }, in: folder)
        try Folders.remove(mark)
    }
}
