// SPDX-License-Identifier: Apache-2.0

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
        say 'kernel' "$(uname -r)"
        say 'kernel command line' "$(cut -c1-60 /proc/cmdline 2>/dev/null || echo hidden)"
        say 'processors' "$(grep -c '^processor' /proc/cpuinfo)"
        say 'memory of /proc/meminfo' "$(sed -n 's/^MemTotal: *//p' /proc/meminfo)"
        say 'uptime' "$(cut -d' ' -f1 /proc/uptime) s"
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
        say 'kernel log' "$(dmesg >/dev/null 2>&1 && echo readable || echo refused)"
        say 'mounting' "$(mkdir -p /tmp/.m && mount -t tmpfs m /tmp/.m 2>/dev/null && echo allowed || echo refused)"
        umount /tmp/.m 2>/dev/null; rmdir /tmp/.m 2>/dev/null
        say 'changing the host name' "$(hostname "$(hostname)" >/dev/null 2>&1 && echo allowed || echo refused)"
        say 'new user namespace' "$(unshare -U true 2>/dev/null && echo allowed || echo refused)"
        say 'tracing another process' "$(command -v strace >/dev/null && { strace -c true >/dev/null 2>&1 && echo allowed || echo refused; } || echo 'no strace in the image')"
        exit 0
        """

    static func facts(_ output: [UInt8], _ caseName: String, _ subject: String) -> [BenchmarkResult.Fact] {
        String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return BenchmarkResult.Fact(
                caseName: caseName, subject: subject, topic: String(parts[0]), finding: String(parts[1]))
        }
    }
}
