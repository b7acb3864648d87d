// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SystemPackage
public import TandemModel

/// Finds out which version of control groups the host has.
public enum Cgroups {
    /// The driver for this host: v2 where it carries the controllers, else v1.
    ///
    /// All groups lie in `tandem/<scope>`, which is made now: several daemons on a host do not see each other's.
    ///
    /// - Throws: `.unsupported` if neither is mounted, `.permissionDenied` if it cannot be written.
    public static func detect(scope: String) throws(EngineError) -> any CgroupDriver {
        // Without /proc no cgroup is found.
        let mounts = MountPoint.ownMountInformation
        let found = parse(mountInformation: mounts)
        if !found.legacy.isEmpty { return try CgroupV1(hierarchies: found.legacy, scope: scope) }
        if let unified = found.unified { return try CgroupV2(mountPoint: unified, scope: scope) }
        throw EngineError(
            .unsupported, "no control groups are mounted",
            hint: "Mount them: mount -t cgroup2 none /sys/fs/cgroup")
    }

    /// Whether limits on swap hold: the kernel may be built, or booted, not to count it.
    public static let countsSwap = has(legacy: "memory.memsw.limit_in_bytes", unified: "memory.swap.max")
    /// Whether a group can be kept from the OOM killer: with v1 only.
    public static let canSwitchKillerOff = has(legacy: "memory.oom_control", unified: nil)

    private static func has(legacy: String, unified: String?) -> Bool {
        // Without /proc no cgroup is found.
        let found = parse(
            mountInformation: MountPoint.ownMountInformation)
        if !found.legacy.isEmpty { return found.legacy["memory"].map { CgroupFolder($0).has(legacy) } ?? false }
        // The root of v2 has no limits: any group below it will do.
        guard let unified, let root = found.unified else { return false }
        return CgroupFolder(root).children.contains { CgroupFolder(root)[$0].has(unified) }
    }

    /// Reads proc_pid_mountinfo(5): the v2 mount point, and that of each v1 controller.
    static func parse(mountInformation text: String) -> (unified: FilePath?, legacy: [String: FilePath]) {
        let known: Set<String> = ["cpu", "cpuacct", "cpuset", "memory", "pids", "freezer", "devices", "blkio"]
        var unified: FilePath?
        var legacy: [String: FilePath] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 6, let dash = fields.firstIndex(of: "-"), fields.count > dash + 3 else { continue }
            let mountPoint = FilePath(fields[4])
            switch fields[dash + 1] {
            case "cgroup2": unified = unified ?? mountPoint
            case "cgroup":
                for option in fields[dash + 3].split(separator: ",").map(String.init) where known.contains(option) {
                    legacy[option] = legacy[option] ?? mountPoint
                }
            default: break
            }
        }
        return (unified, legacy)
    }
}
