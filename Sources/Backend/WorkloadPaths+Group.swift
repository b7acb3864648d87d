// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import SystemPackage
public import TandemModel

/// Control groups that lie where the user wants them.
///
/// One that does not lie with the daemon's others is noted in the workload's run folder before it is made, so that it is
/// found again with nothing but the id.
extension WorkloadPaths {
    /// The name of a workload's group for a `CgroupDriver`.
    public func groupName(_ spec: WorkloadSpec, _ id: WorkloadID) -> String {
        guard !spec.cgroupParent.isEmpty else { return id.description }
        // As runc's CleanPath: `..` never leads out of the hierarchy.
        let parent = FilePath("/" + spec.cgroupParent).lexicallyNormalized()
        return parent.appending(id.description).string
    }

    /// Notes a group before it is made; its run folder is there.
    ///
    /// Blocks.
    public func noteGroup(_ name: String, of id: WorkloadID) throws(EngineError) {
        guard name.hasPrefix("/") else { return }
        do {
            try Data(name.utf8).write(to: URL(filePath: note(id).string))
        } catch {
            throw EngineError(.internal, "'\(note(id))' cannot be written", cause: error)
        }
    }

    /// The name of a workload's group, as it was noted.
    ///
    /// Blocks.
    public func notedGroup(of id: WorkloadID) -> String {
        // Without a note it lies with the others.
        (try? String(contentsOfFile: note(id).string, encoding: .utf8)) ?? id.description
    }

    /// The workloads whose groups are noted.
    ///
    /// Blocks.
    public func notedGroups() -> [WorkloadID] {
        let folder = runRoot.appending("workloads")
        return Folders.names(in: folder).compactMap { name in
            // Most have no note.
            let path = try? String(contentsOfFile: folder.appending(name).appending("group").string, encoding: .utf8)
            return path.flatMap { FilePath($0).lastComponent }.flatMap { WorkloadID($0.string) }
        }
    }

    private func note(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("group") }
}
