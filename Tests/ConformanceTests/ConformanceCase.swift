// SPDX-License-Identifier: Apache-2.0

import Testing

/// One promise about what a workload sees, stated once and held against every way to run it.
struct ConformanceCase: Sendable, CustomTestStringConvertible {
    /// What is promised, as a sentence.
    let name: String
    /// A shell script that looks from the inside.
    let script: String
    /// What it prints.
    let expected: String
    var user = ""
    var environment: [String] = []
    var workingDirectory = "/"
    var hostname = "conformance"
    var readOnlyRoot = false
    var addedCapabilities: [String] = []
    var droppedCapabilities: [String] = []
    var noNewPrivileges = false
    var exitStatus: Int32 = 0
    /// Why the reference, `runc`, is not asked: the promise is about what Docker adds on top of it.
    var notForReference: String?

    var testDescription: String { name }
}

extension ConformanceCase {
    private static func status(_ field: String) -> String { "sed -n 's/^\(field):\\t*//p' /proc/self/status" }

    static let all: [ConformanceCase] = [
        ConformanceCase(name: "output is passed on", script: "echo out", expected: "out\n"),
        ConformanceCase(name: "the exit code is passed on", script: "exit 77", expected: "", exitStatus: 77),
        ConformanceCase(
            name: "death by a signal is 128 and the signal", script: "sh -c 'kill -15 $$'; echo $?", expected: "143\n"),
        ConformanceCase(name: "the command is process 1", script: "echo $$", expected: "1\n"),
        ConformanceCase(
            name: "only the workload's processes are seen", script: "set -- /proc/[0-9]*; echo $#", expected: "1\n"),
        ConformanceCase(name: "the host name is set", script: "hostname", expected: "conformance\n"),
        ConformanceCase(
            name: "the environment is the request's", script: "echo \"$A-$B\"", expected: "1-two words\n",
            environment: ["A=1", "B=two words"]),
        ConformanceCase(
            name: "the working directory is the request's", script: "pwd", expected: "/usr\n", workingDirectory: "/usr"),
        ConformanceCase(
            name: "numeric users need no entry", script: "id -u; id -g", expected: "12345\n54321\n", user: "12345:54321"
        ),
        ConformanceCase(name: "the default user is root", script: "id -u; id -g", expected: "0\n0\n"),
        ConformanceCase(
            name: "root has Docker's fourteen capabilities", script: status("CapEff") + ";" + status("CapBnd"),
            expected: "00000000a80425fb\n00000000a80425fb\n"),
        ConformanceCase(
            name: "another user has no effective capability", script: status("CapEff"), expected: "0000000000000000\n",
            user: "1000:1000"),
        ConformanceCase(
            name: "dropped capabilities are gone", script: status("CapBnd"), expected: "00000000a80425da\n",
            droppedCapabilities: ["CHOWN", "KILL"]),
        ConformanceCase(
            name: "added capabilities are there", script: status("CapEff"), expected: "00000000a80435fb\n",
            addedCapabilities: ["NET_ADMIN"]),
        ConformanceCase(name: "new privileges are allowed by default", script: status("NoNewPrivs"), expected: "0\n"),
        ConformanceCase(
            name: "new privileges can be refused", script: status("NoNewPrivs"), expected: "1\n", noNewPrivileges: true),
        ConformanceCase(
            name: "a read-only root cannot be written", script: "touch /x 2>/dev/null; echo $?", expected: "1\n",
            readOnlyRoot: true),
        ConformanceCase(
            name: "the root can be written", script: "touch /x && ls /x", expected: "/x\n"),
        ConformanceCase(
            name: "the usual devices are there",
            script: "for d in null zero full random urandom tty; do stat -c '%n %t,%T %a' /dev/$d; done",
            expected: """
                /dev/null 1,3 666
                /dev/zero 1,5 666
                /dev/full 1,7 666
                /dev/random 1,8 666
                /dev/urandom 1,9 666
                /dev/tty 5,0 666

                """),
        ConformanceCase(
            name: "the links in /dev are there",
            script: "for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done",
            expected: "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\npts/ptmx\n"),
        ConformanceCase(
            name: "proc and sys are mounted with care",
            script:
                "awk '$2==\"/proc\"||$2==\"/sys\"||$2==\"/dev/mqueue\"{print $2,$3,substr($4,1,2)}' /proc/mounts | sort -u",
            expected: "/dev/mqueue mqueue rw\n/proc proc rw\n/sys sysfs ro\n"),
        ConformanceCase(
            name: "kernel parameters cannot be written", script: "echo 1 2>/dev/null > /proc/sys/kernel/panic; echo $?",
            expected: "1\n"),
        ConformanceCase(
            name: "the kernel's memory, keys and timers are hidden",
            script:
                "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; ls /proc/acpi 2>/dev/null | wc -l",
            expected: "0\n0\n"),
        ConformanceCase(
            name: "the folder of the control groups cannot be written",
            script: "mkdir /sys/fs/cgroup/x 2>/dev/null; echo $?", expected: "1\n"),
        ConformanceCase(
            name: "a shared memory folder is there",
            script: "awk '$2==\"/dev/shm\"{print $3}' /proc/mounts; stat -c %a /dev/shm", expected: "tmpfs\n1777\n"),
        ConformanceCase(
            // Builtins alone: a pipe or a redirection would be open in the shell for a moment.
            name: "standard streams are the only open descriptors",
            script: "n=0; while [ $n -lt 64 ]; do [ -e /proc/$$/fd/$n ] && printf \"$n \"; n=$((n+1)); done; true",
            expected: "0 1 2 ",
            notForReference: "runc passes on descriptors that its caller left open"),
        ConformanceCase(
            name: "only a loopback device is there, and it is up",
            script: "ls /sys/class/net | tr '\\n' ' '; cat /sys/class/net/lo/flags", expected: "lo 0x9\n",
            notForReference: "runc leaves the loopback device of an empty namespace as the kernel made it"),
        ConformanceCase(
            name: "no signal is blocked", script: status("SigBlk"), expected: "0000000000000000\n",
            notForReference: "runc passes on the mask of whoever starts it"),
        ConformanceCase(
            name: "the file mode mask is 022", script: "umask", expected: "0022\n"),
        ConformanceCase(
            name: "mounting is refused", script: "mount -t tmpfs x /tmp 2>/dev/null; echo $?", expected: "1\n"),
        ConformanceCase(
            name: "orphans are adopted by process 1",
            script:
                "sh -c '(sleep 0.2; sed -n \"s/^PPid:\\t//p\" /proc/self/status > /tmp/p) & exit'; sleep 1; cat /tmp/p | wc -l",
            expected: "1\n"),
    ]
}
