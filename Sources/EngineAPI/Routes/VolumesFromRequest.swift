// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// One entry of `VolumesFrom`: `WORKLOAD[:MODE]`, with dockerd's checks and words.
struct VolumesFromRequest {
    /// The workload whose volumes and binds are mounted too.
    let workload: String
    private let readOnly: Bool

    init(_ text: String) throws(EngineError) {
        guard !text.isEmpty else {
            throw EngineError(
                .invalidArgument, "volumes-from specification cannot be an empty string",
                hint: "Name a workload.")
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let words = parts.count > 1 ? parts[1].split(separator: ",").map(String.init) : []
        // There is no SELinux whose labels could be changed.
        guard Set(words).isSubset(of: ["ro", "rw", "z", "Z"]), Set(words).count == words.count,
            !Set(words).isSuperset(of: ["ro", "rw"])
        else { throw EngineError(.invalidArgument, "invalid mode: \(parts[1])", hint: "Use ro or rw.") }
        workload = parts[0]
        readOnly = words.contains("ro")
    }

    /// What one of the workload's mounts is for the new one; a tmpfs is the workload's own.
    func inherited(_ mount: MountSpec) -> MountSpec? {
        if case .tmpfs = mount.source { return nil }
        var mount = mount
        mount.readOnly = mount.readOnly || readOnly
        // It has been filled for its first user.
        mount.noCopy = true
        mount.shortForm = ""
        return mount
    }
}
