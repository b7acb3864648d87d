// SPDX-License-Identifier: Apache-2.0

public import Backend
import FoundationEssentials
import LinuxSystem
import TandemModel

extension ContainerBackend {
    /// Says what this host can do.
    public func report() async -> BackendReport {
        await BlockingQueue.run { [self] in
            let checks = [
                rootCheck, kernelCheck, cgroupCheck, erofsCheck, overlayCheck, seccompCheck, userNamespaceCheck,
            ]
            return BackendReport(kind: kind, usable: !checks.contains { $0.outcome == .missing }, checks: checks)
        }
    }

    private var rootCheck: BackendReport.Check {
        HostRights.isRoot
            ? BackendReport.Check("root", .ok, "the daemon runs as root")
            : BackendReport.Check("root", .missing, "the daemon does not run as root", hint: "Start tandemd as root.")
    }

    private var kernelCheck: BackendReport.Check {
        // clone3 and pidfds came with 5.3, openat2 with 5.6, close_range with 5.9.
        HostInformation.kernelVersion >= (5, 9)
            ? BackendReport.Check("kernel", .ok, "Linux \(HostInformation.kernelRelease)")
            : BackendReport.Check(
                "kernel", .missing, "Linux \(HostInformation.kernelRelease)", hint: "Linux 5.9 or later is needed.")
    }

    private var cgroupCheck: BackendReport.Check {
        switch cgroups {
        case .success(let driver):
            let list = driver.controllers.joined(separator: ", ")
            let lacking = ["cpu", "memory", "pids"].filter { !driver.controllers.contains($0) }
            return BackendReport.Check(
                "cgroup", lacking.isEmpty ? .ok : .degraded,
                "v\(driver.version): \(list.isEmpty ? "no controllers" : list)",
                hint: lacking.isEmpty ? nil : "Limits that need \(lacking.joined(separator: ", ")) are refused.")
        case .failure(let error):
            return BackendReport.Check("cgroup", .missing, error.message, hint: error.hint)
        }
    }

    private var erofsCheck: BackendReport.Check {
        guard HostInformation.fileSystems.contains("erofs") else {
            return BackendReport.Check(
                "erofs", .missing, "the kernel does not know EROFS, in which layers are kept",
                hint: "Run `modprobe erofs`.")
        }
        let isDirect = HostInformation.kernelVersion >= (6, 12)
        return BackendReport.Check(
            "erofs", .ok, isDirect ? "files are mounted directly" : "files are mounted through loop devices")
    }

    private var overlayCheck: BackendReport.Check {
        HostInformation.fileSystems.contains("overlay")
            ? BackendReport.Check("overlayfs", .ok, "available")
            : BackendReport.Check(
                "overlayfs", .missing, "the kernel does not know overlayfs", hint: "Run `modprobe overlay`.")
    }

    private var seccompCheck: BackendReport.Check {
        let isThere = FileManager.default.fileExists(atPath: "/proc/sys/kernel/seccomp/actions_avail")
        return isThere
            ? BackendReport.Check("seccomp", .ok, "filters are available")
            : BackendReport.Check(
                "seccomp", .missing, "the kernel has no system call filters", hint: "It needs CONFIG_SECCOMP_FILTER.")
    }

    private var userNamespaceCheck: BackendReport.Check {
        // Missing where the kernel was built without user namespaces.
        let text = (try? String(contentsOfFile: "/proc/sys/user/max_user_namespaces", encoding: .utf8)) ?? "0"
        let count = Int(text.filter(\.isNumber)) ?? 0
        return count > 0
            ? BackendReport.Check("userns", .ok, "the host has user namespaces; Tandem does not use them yet")
            : BackendReport.Check("userns", .degraded, "the host has no user namespaces; Tandem does not need them yet")
    }
}
