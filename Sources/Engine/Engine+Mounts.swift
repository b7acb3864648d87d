// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel
import VolumeStore

extension Engine {
    /// Finds a mount's source on the host.
    ///
    /// `making` says whether a folder that is missing is made if the mount wants that.
    func resolve(_ mount: MountSpec, making: Bool) throws(EngineError) -> ResolvedMount {
        switch mount.source {
        case .tmpfs: return ResolvedMount(spec: mount, hostPath: nil, sourceIsDirectory: true)
        case .volume(let name):
            // It may be about to be made; who starts the workload looks whether it is there.
            return ResolvedMount(spec: mount, hostPath: volumes.path(of: name), sourceIsDirectory: true)
        case .bind(let path):
            guard path.hasPrefix("/") else {
                throw EngineError(
                    .invalidArgument, "invalid mount path: '\(path)' mount path must be absolute",
                    hint: "Begin it with a slash.")
            }
            var status = stat()
            if mount.makesSource == true, stat(path, &status) != 0, errno == ENOENT {
                if making { try Folders.make(FilePath(path)) }
                return ResolvedMount(spec: mount, hostPath: FilePath(path), sourceIsDirectory: true)
            }
            guard stat(path, &status) == 0 else {
                throw EngineError(
                    .invalidArgument, "bind source path does not exist: \(path)",
                    hint: "Make it first, or use a volume.")
            }
            try checkPropagation(mount, from: FilePath(path))
            return ResolvedMount(
                spec: mount, hostPath: FilePath(path), sourceIsDirectory: status.st_mode & S_IFMT == S_IFDIR)
        }
    }

    /// Mounts pass between host and workload only where the host lets them, in dockerd's words.
    private func checkPropagation(_ mount: MountSpec, from path: FilePath) throws(EngineError) {
        let wantsShared = mount.propagation.hasSuffix("shared")
        guard wantsShared || mount.propagation.hasSuffix("slave") else { return }
        guard let found = MountPoint.propagation(of: path) else { return }
        guard found.isShared || (found.isSlave && !wantsShared) else {
            let kind = wantsShared ? "a shared mount" : "a shared or slave mount"
            throw EngineError(
                .invalidArgument, "path \(path) is mounted on \(found.mount) but it is not \(kind)",
                hint: "Make it one: mount --make-shared \(found.mount)")
        }
    }
}
