// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What a workload can see and reach, as it sees it itself.
enum IsolationProbe {
    /// A script for any shell; it writes lines of `topic<tab>finding`.
    static let command = ["sh", "-c", script]

    private static let script = """
        say() { printf '%s\\t%s\\n' "$1" "$2"; }
        field() { sed -n "s/^$1:[[:space:]]*//p" /proc/self/status; }
        writable() {
            [ -e "$1" ] || { echo hidden; return; }
            [ -d "$1" ] && { grep -q " $1 [^ ]* rw" /proc/self/mounts && echo writable || echo read-only; return; }
            ( : >>"$1" ) 2>/dev/null && echo writable || echo read-only
        }
        places() { find "$1" -type f -perm -200 2>/dev/null | while read -r f; do [ -w "$f" ] && echo; done | wc -l; }
        say 'kernel' "$(uname -r)"
        say 'boot' "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
        say 'kernel command line' "$(cut -c1-60 /proc/cmdline 2>/dev/null || echo hidden)"
        say 'processors' "$(grep -c '^processor' /proc/cpuinfo)"
        say 'memory of /proc/meminfo' "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
        say 'uptime' "$(cut -d' ' -f1 /proc/uptime) s"
        say 'clock source' "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource 2>/dev/null || echo hidden)"
        say 'setting the clock' "$([ $((0x$(field CapEff) >> 25 & 1)) = 1 ] && echo allowed || echo refused)"
        say 'processes seen' "$(ls /proc | grep -c '^[0-9][0-9]*$')"
        say 'capabilities' "$(field CapEff)"
        say 'bounding set' "$(field CapBnd)"
        say 'no new privileges' "$(field NoNewPrivs)"
        say 'system call filter' "$(field Seccomp)"
        say 'system call filters' "$(field Seccomp_filters)"
        for n in cgroup ipc mnt net pid time user uts; do
            say "namespace $n" "$(readlink /proc/self/ns/$n 2>/dev/null || echo none)"
        done
        say 'user ids' "$(tr -s ' ' < /proc/self/uid_map | sed 's/^ //')"
        say 'devices' "$(ls /dev | tr '\\n' ' ')"
        say 'block devices' "$(ls /sys/block 2>/dev/null | tr '\\n' ' ')"
        say 'network interfaces' "$(ls /sys/class/net 2>/dev/null | tr '\\n' ' ')"
        say 'mounts' "$(wc -l < /proc/self/mounts)"
        say 'kernel modules' "$(wc -l < /proc/modules 2>/dev/null || echo hidden)"
        for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /proc/kcore /sys/kernel/security \\
            /sys/fs/cgroup /proc/sys/vm/drop_caches; do say "$f" "$(writable $f)"; done
        for f in /proc/sys /proc /sys; do say "files of $f that can be written" "$(places $f)"; done
        say 'kernel log' "$(dmesg >/dev/null 2>&1 && echo readable || echo refused)"
        say 'mounting' "$(mkdir -p /tmp/.m && mount -t tmpfs m /tmp/.m 2>/dev/null && echo allowed || echo refused)"
        umount /tmp/.m 2>/dev/null; rmdir /tmp/.m 2>/dev/null
        say 'changing the host name' "$(hostname "$(hostname)" >/dev/null 2>&1 && echo allowed || echo refused)"
        say 'new user namespace' "$(unshare -U true 2>/dev/null && echo allowed || echo refused)"
        say 'tracing another process' "$(command -v strace >/dev/null && { strace -c true >/dev/null 2>&1 && echo allowed || echo refused; } || echo 'no strace in the image')"
        exit 0
        """

    /// The kernel's name for the time since it was started, by which two kernels are told apart.
    static var hostBoot: String? {
        let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return text.map { String($0.prefix { !$0.isWhitespace }) }
    }

    /// The findings that a probe has written; its `boot` becomes the answer to who answers system calls.
    static func facts(
        _ output: [UInt8], _ caseName: String, _ subject: String, hostBoot: String? = hostBoot
    ) -> [BenchmarkResult.Fact] {
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? (topic: String(parts[0]), finding: String(parts[1])) : nil
        }
        return lines.map { line in
            var (topic, finding) = line
            if topic == "boot" {
                topic = "system calls are answered by"
                finding =
                    finding.isEmpty || hostBoot == nil
                    ? "unknown" : finding == hostBoot ? "the host's kernel" : "a kernel of its own"
            }
            return BenchmarkResult.Fact(caseName: caseName, subject: subject, topic: topic, finding: finding)
        }
    }
}
