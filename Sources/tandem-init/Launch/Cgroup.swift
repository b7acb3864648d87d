// SPDX-License-Identifier: Apache-2.0

import CLinux

extension CgroupPlacement {
    /// Makes a v2 group with a limit on processes where the plan leaves that to the executor: in a guest.
    ///
    /// - Returns: What failed, or `nil`.
    func make() -> LaunchFailure? {
        guard processLimit > 0, let slash = unifiedDirectory.lastIndex(of: 0x2F) else { return nil }
        let parent = Bytes(unifiedDirectory[..<slash])
        makeFolders(unifiedDirectory)
        for (path, value) in [
            (parent + bytes("/cgroup.subtree_control"), bytes("+pids")),
            (unifiedDirectory + bytes("/pids.max"), digits(Int(processLimit))),
        ] {
            let problem = writeFile(path, value)
            if problem != 0 { return LaunchFailure(.cgroup, errno: problem, object: path) }
        }
        return nil
    }
}
