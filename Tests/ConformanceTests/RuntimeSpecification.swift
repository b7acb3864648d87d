// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A case as `config.json` of the OCI runtime specification, with what Docker puts there by default
/// (moby `daemon/pkg/oci/defaults.go`).
struct RuntimeSpecification {
    private let conformance: ConformanceCase

    private static let defaultCapabilities: Set<String> = [
        "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
        "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
    ]

    init(_ conformance: ConformanceCase) { self.conformance = conformance }

    func encoded() throws -> Data {
        try JSONSerialization.data(withJSONObject: [
            "ociVersion": "1.0.2",
            "process": process,
            "root": ["path": "rootfs", "readonly": conformance.readOnlyRoot],
            "hostname": conformance.hostname,
            "mounts": mounts,
            "linux": [
                "namespaces": ["pid", "network", "ipc", "uts", "mount"].map { ["type": $0] },
                "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            ],
        ])
    }

    private var process: [String: Any] {
        let ids = conformance.user.split(separator: ":").compactMap { Int($0) }
        let chosen = Self.defaultCapabilities.union(conformance.addedCapabilities)
            .subtracting(conformance.droppedCapabilities)
        let names = chosen.map { "CAP_" + $0 }.sorted()
        // As Docker: another user than root starts without permitted capabilities.
        let effective = (ids.first ?? 0) == 0 ? names : []
        return [
            "terminal": false,
            "user": ["uid": ids.first ?? 0, "gid": ids.last ?? 0],
            "args": ["/bin/sh", "-c", conformance.script],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] + conformance.environment,
            "cwd": conformance.workingDirectory,
            "capabilities": ["bounding": names, "effective": effective, "permitted": effective],
            "noNewPrivileges": conformance.noNewPrivileges,
        ]
    }

    private var mounts: [[String: Any]] {
        let careful = ["nosuid", "noexec", "nodev"]
        return [
            mount("/proc", "proc", careful),
            mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", careful + ["mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", careful),
            mount("/sys", "sysfs", careful + ["ro"]),
        ]
    }

    private func mount(_ target: String, _ type: String, _ options: [String]) -> [String: Any] {
        ["destination": target, "type": type, "source": type, "options": options]
    }
}
