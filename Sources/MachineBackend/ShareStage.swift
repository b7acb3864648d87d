// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// Folders that a guest gets by virtiofs.
///
/// Only folders can be shared, and only as a whole: a single file is bound into a folder of its own. A read-only one is
/// bound read-only on the host, since a guest's kernel is the workload's own and keeps no promises.
struct ShareStage {
    let folder: FilePath

    /// Prepares the shares of a workload's mounts.
    ///
    /// Blocks.
    ///
    /// - Returns: For each mount the folder to share; `nil` for tmpfs.
    func make(_ mounts: [ResolvedMount]) throws(EngineError) -> [FilePath?] {
        var shares: [FilePath?] = []
        for (index, mount) in mounts.enumerated() {
            guard let source = mount.hostPath else {
                shares.append(nil)
                continue
            }
            let takesAll = mount.spec.below?.excluded != true
            if mount.sourceIsDirectory && !mount.spec.readOnly && takesAll {
                shares.append(source)
                continue
            }
            let staged = folder.appending(String(index))
            try Folders.make(staged, mode: 0o755)
            if mount.sourceIsDirectory {
                try MountPoint.bind(source, on: staged, readOnly: mount.spec.readOnly, recursive: takesAll)
            } else {
                let file = staged.appending(Self.fileName)
                let descriptor = file.withPlatformString {
                    tandem_openat(AT_FDCWD, $0, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
                }
                if descriptor >= 0 { close(descriptor) }
                try MountPoint.bind(source, on: file, readOnly: mount.spec.readOnly)
            }
            shares.append(staged)
        }
        return shares
    }

    /// The name of a single file in its folder.
    static let fileName = "file"
}
