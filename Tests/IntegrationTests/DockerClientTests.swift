// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The real docker CLI against both kinds, with expectations that a real dockerd meets too.
@Suite(.daemon, .serialized)
struct DockerClientTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// One workload from `create` to `rm`: a guest takes seconds to boot, so everything is asked of one.
    @Test(arguments: DockerSubject.all)
    func aLife(subject: DockerSubject) async throws {
        let name = "life-\(subject.name)"
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        let created = try await docker(
            ["create", "--name", name, "--label", "a=b", "-e", "GREETING=hi", "-w", "/var", "--hostname", "box"]
                + ["--log-opt", "labels=a", "-m", "128m"] + subject.flags
                + ["busybox", "sh", "-c", "echo out; echo err >&2; exec sleep 1000"])
        #expect(created.trimmed.count == 64, "\(created.errors)")
        #expect(try await inspect(subject, name, "{{.State.Status}} {{.State.Running}}") == "created false")
        #expect(try await docker(["start", name]).output == name + "\n")
        #expect(try await inspect(subject, name, "{{.State.Status}} {{.State.Running}}") == "running true")
        try await checkDescription(subject, name)
        try await checkExecution(subject, name)
        try await checkLogs(subject, name)
        try await checkFiles(subject, name)
        try await checkMeasures(subject, name)
        try await checkChanges(subject, name)
        try await checkEnd(subject, name)
    }

    private func inspect(_ subject: DockerSubject, _ name: String, _ format: String) async throws -> String {
        try await subject.docker(daemon, ["inspect", "--type", "container", "-f", format, name]).trimmed
    }

    private func checkDescription(_ subject: DockerSubject, _ name: String) async throws {
        for client in DockerSubject.clients {
            let row = try await subject.docker(
                daemon,
                ["ps", "--no-trunc", "--filter", "name=\(name)"]
                    + ["--format", "{{.Names}} {{.Image}} {{.Labels}} {{.Networks}} {{.State}}"], client: client)
            #expect(row.output == "\(name) busybox a=b none running\n", "\(client): \(row.errors)")
        }
        let format = "{{.Config.WorkingDir}} {{.Config.Hostname}} {{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}"
        #expect(try await inspect(subject, name, format) == "/var box 134217728 268435456")
        #expect(try await inspect(subject, name, "{{json .Config.Cmd}}").contains("exec sleep 1000"))
        #expect(try await inspect(subject, name, "{{index .Config.Env 0}}") == "GREETING=hi")
        #expect(try await inspect(subject, name, "{{.HostConfig.NetworkMode}} {{.Path}}") == "none sh")
    }

    private func checkExecution(_ subject: DockerSubject, _ name: String) async throws {
        for client in DockerSubject.clients {
            let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments, client: client) }
            let plain = try await docker([
                "exec", "-e", "MORE=2", "-u", "1:1", name, "sh", "-c", "echo $GREETING$MORE $(pwd) $(id -u)",
            ])
            #expect(plain.output == "hi2 /var 1\n", "\(client): \(plain.errors)")
            #expect(try await docker(["exec", name, "sh", "-c", "exit 9"]).status == 9)
            #expect(try await docker(["exec", name, "hostname"]).output == "box\n")
            let split = try await docker(["exec", name, "sh", "-c", "echo out; echo err >&2"])
            #expect(split.output == "out\n" && split.errors == "err\n")
            let fed = try await subject.docker(
                daemon, ["exec", "-i", name, "wc", "-c"], client: client, input: "12345")
            #expect(fed.trimmed == "5")
        }
        // dockerd's code depends on the runtime below it.
        let missing = try await subject.docker(daemon, ["exec", name, "no-such"])
        #expect(missing.status == 126 || missing.status == 127)
        let gone = try await subject.docker(daemon, ["exec", "no-such", "true"])
        #expect(gone.status == 1)
        #expect(gone.errors.contains("No such container: no-such"), "\(gone.errors)")
    }

    private func checkLogs(_ subject: DockerSubject, _ name: String) async throws {
        let logs = { (flags: [String]) in try await subject.docker(daemon, ["logs"] + flags + [name]) }
        try await eventually { try await logs([]).errors == "err\n" }
        #expect(try await logs([]).output == "out\n")
        let last = try await logs(["--tail", "1"])
        #expect(last.output + last.errors == "out\n" || last.output + last.errors == "err\n")
        let none = try await logs(["--tail", "0"])
        #expect(none.output == "" && none.errors == "")
        #expect(try await logs(["--details"]).output == "a=b out\n")
        let stamped = try await logs(["-t"]).output
        #expect(stamped.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out\n/) != nil, "\(stamped)")
        let moment = String(stamped.prefix(30))
        #expect(try await logs(["--since", moment]).output == "out\n")
        #expect(try await logs(["--since", "1s", "--until", "0s"]).status == 0)
        #expect(try await logs(["--until", "2001-01-01T00:00:00Z"]).output == "")
        #expect(try await logs(["--since", "2100-01-01T00:00:00Z"]).output == "")
    }

    private func checkFiles(_ subject: DockerSubject, _ name: String) async throws {
        let scratch = try ScratchFolder(prefix: "docker-cp")
        defer { scratch.remove() }
        let file = try scratch.write("in.txt", "copied\n")
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["cp", file, "\(name):/tmp/there.txt"]).status == 0)
        #expect(try await docker(["exec", name, "cat", "/tmp/there.txt"]).output == "copied\n")
        #expect(try await docker(["cp", "\(name):/tmp/there.txt", scratch.path + "/out.txt"]).status == 0)
        #expect(try String(contentsOf: scratch.url("out.txt"), encoding: .utf8) == "copied\n")
        let missing = try await docker(["cp", "\(name):/no/such", scratch.path])
        #expect(missing.errors.contains("Could not find the file /no/such in container \(name)"), "\(missing.errors)")
    }

    private func checkMeasures(_ subject: DockerSubject, _ name: String) async throws {
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        for client in DockerSubject.clients {
            let top = try await subject.docker(daemon, ["top", name], client: client).lines
            #expect(top.first?.split(separator: " ") == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
            #expect(top.count == 2 && top.last?.hasPrefix("root") == true && top.last?.hasSuffix("sleep 1000") == true)
            let stats = try await subject.docker(
                daemon, ["stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}} {{.NetIO}}", name],
                client: client)
            #expect(stats.output.contains(name + " "), "\(stats.errors)")
            #expect(!stats.output.contains("--"), "\(stats.output)")
        }
        let columns = try await docker(["top", name, "-eo", "pid,stat,args"]).lines
        #expect(columns.first?.split(separator: " ") == ["PID", "STAT", "COMMAND"])
        // No workload takes precedence over the host's processes.
        let niceness = try await docker(["top", name, "-eo", "pid,ni"]).lines
        #expect(niceness.last?.split(separator: " ").last == "0")
        let table = try await docker(["top", name, "aux"]).lines
        #expect(table.first?.hasPrefix("USER") == true)
        let refused = try await docker(["top", name, "-o", "comm"])
        #expect(refused.errors.contains("Couldn't find PID field in ps output"), "\(refused.errors)")
    }

    private func checkChanges(_ subject: DockerSubject, _ name: String) async throws {
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["update", "--cpus", "0.5", name]).status == 0)
        #expect(try await inspect(subject, name, "{{.HostConfig.NanoCpus}}") == "500000000")
        let conflict = try await docker(["update", "--cpu-quota", "20000", name])
        #expect(conflict.errors.contains("CPU Quota cannot be updated as NanoCPUs has already been set"))
        #expect(try await docker(["update", "-m", "1m", name]).errors.contains("Minimum memory limit allowed is 6MB"))
        #expect(try await docker(["pause", name]).output == name + "\n")
        #expect(try await inspect(subject, name, "{{.State.Status}} {{.State.Running}}") == "paused true")
        let frozen = try await docker(["exec", name, "true"])
        #expect(frozen.status == 1)
        #expect(frozen.errors.contains("is paused, unpause the container before exec"), "\(frozen.errors)")
        #expect(try await docker(["pause", name]).errors.contains("is already paused"))
        #expect(
            try await docker(["start", name]).errors.contains("cannot start a paused container, try unpause instead"))
        #expect(try await docker(["unpause", name]).status == 0)
        #expect(try await docker(["unpause", name]).errors.contains("is not paused"))
        #expect(try await docker(["rename", name, "a"]).errors.contains("Invalid container name (/a)"))
        #expect(
            try await docker(["rename", name, name]).errors.contains(
                "Renaming a container with the same name as its current name"))
        #expect(try await docker(["rename", name, "re\(name)"]).status == 0)
        #expect(try await docker(["rename", "re\(name)", name]).status == 0)
        let taken = try await docker(["create", "--name", name] + subject.flags + ["busybox"])
        #expect(taken.errors.contains("Conflict. The container name \"/\(name)\" is already in use by container"))
    }

    private func checkEnd(_ subject: DockerSubject, _ name: String) async throws {
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["rm", name]).status == 1)
        #expect(try await docker(["kill", "-s", "NONSENSE", name]).errors.contains("nvalid signal: NONSENSE"))
        #expect(try await docker(["kill", name]).output == name + "\n")
        #expect(try await docker(["wait", name]).output == "137\n")
        #expect(
            try await inspect(subject, name, "{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}") == "exited 137 0")
        #expect(try await docker(["kill", name]).errors.lowercased().contains("cannot kill container: \(name)"))
        #expect(try await docker(["top", name]).errors.contains("is not running"))
        #expect(try await docker(["pause", name]).errors.contains("is not running"))
        #expect(try await docker(["exec", name, "true"]).errors.lowercased().contains("is not running"))
        #expect(try await docker(["stop", name]).status == 0)
        let status = try await docker(["ps", "-a", "--filter", "name=\(name)", "--format", "{{.Status}}"]).output
        #expect(status.hasPrefix("Exited (137) "), "\(status)")
        #expect(try await docker(["rm", "-v", name]).output == name + "\n")
        #expect(try await docker(["inspect", "--type", "container", name]).status == 1)
    }

    /// `run` in the foreground, with every CLI.
    @Test(arguments: DockerSubject.all)
    func runsInTheForeground(subject: DockerSubject) async throws {
        let label = "foreground=\(subject.name)"
        for client in DockerSubject.clients {
            let script = "cat; echo err >&2; exit 3"
            let result = try await subject.docker(
                daemon, ["run", "--rm", "-i", "-l", label] + subject.flags + ["busybox", "sh", "-c", script],
                client: client,
                input: "in\n")
            #expect(result.output == "in\n", "\(client): \(result.errors)")
            #expect(result.errors == "err\n")
            #expect(result.status == 3)
        }
        let missing = try await subject.docker(
            daemon, ["run", "--rm", "-l", label] + subject.flags + ["busybox", "no-such"])
        #expect(missing.status == 127)
        #expect(missing.errors.contains("exec: \"no-such\": executable file not found in $PATH"), "\(missing.errors)")
        #expect(try await subject.docker(daemon, ["ps", "-aq", "--filter", "label=\(label)"]).output == "")
    }

    /// Volumes, tmpfs, limits and name service of one workload.
    @Test(arguments: DockerSubject.all)
    func hasWhatItAsksFor(subject: DockerSubject) async throws {
        let volume = "options-\(subject.name)"
        let script = """
            echo kept > /v/f; touch /b/x 2>&1; grep -E ' /(t|m) ' /proc/mounts | cut -d' ' -f4 | sort
            cat /etc/resolv.conf; tail -1 /etc/hosts; ulimit -n; df -k /dev/shm | tail -1 | awk '{print $2}'
            grep CapBnd /proc/self/status; id -G; cat /proc/sys/net/ipv4/ip_forward; touch /root/x 2>&1
            """
        let result = try await subject.docker(
            daemon,
            ["run", "--rm", "-v", "\(volume):/v", "-v", "/etc:/b:ro", "--tmpfs", "/t:size=1m,mode=700,exec"]
                + ["--mount", "type=tmpfs,dst=/m,tmpfs-size=2m", "--dns", "1.1.1.1", "--dns-search", "example.org"]
                + ["--dns-opt", "ndots:2", "--add-host", "friend:1.2.3.4", "--ulimit", "nofile=100:200"]
                + ["--shm-size", "8m", "--cap-drop", "ALL", "--cap-add", "chown", "--group-add", "33"]
                + ["--sysctl", "net.ipv4.ip_forward=1", "--read-only", "--annotation", "k=v"].filter {
                    // The reference is older than annotations.
                    subject.name != "reference" || !["--annotation", "k=v"].contains($0)
                } + subject.flags + ["busybox", "sh", "-c", script])
        #expect(
            result.lines == [
                "touch: /b/x: Read-only file system", "rw,nosuid,nodev,noexec,relatime,size=2048k",
                "rw,nosuid,nodev,relatime,size=1024k,mode=700", "search example.org", "nameserver 1.1.1.1",
                "options ndots:2", "1.2.3.4\tfriend", "100", "8192", "CapBnd:\t0000000000000001", "0 10 33", "1",
                "touch: /root/x: Read-only file system",
            ], "\(result.output) \(result.errors)")
        #expect(
            try await subject.docker(daemon, ["volume", "inspect", "-f", "{{.Driver}}", volume]).trimmed == "local")
        #expect(try await subject.docker(daemon, ["volume", "rm", volume]).output == volume + "\n")
        #expect(try await subject.docker(daemon, ["volume", "inspect", volume]).status == 1)
    }

    @Test(
        arguments: DockerSubject.all,
        [
            (["--cap-add", "NONSENSE"], "invalid CapAdd: unknown capability: \"CAP_NONSENSE\""),
            (["--cpus", "4000"], "ange of CPUs is from 0.01 to"),
            (["-m", "1m"], "Minimum memory limit allowed is 6MB"),
            (["-m", "8m", "--memory-swap", "7m"], "Minimum memoryswap limit should be larger than memory limit"),
            (["--cpuset-cpus", "4095"], "Requested CPUs are not available - requested 4095"),
            (["--cpu-period", "10"], "CPU cfs period can not be less than 1ms (i.e. 1000)"),
            (["--oom-score-adj", "2000"], "range for oom score adj is [-1000, 1000]"),
            (["--uts", "host", "--hostname", "x"], "conflicting options: hostname and the UTS mode"),
            (["--ipc", "container:no-such"], "No such container: no-such"),
            (["--log-opt", "nonsense=1"], "unknown log opt 'nonsense' for json-file log driver"),
            (["--mount", "type=bind,src=/no/such,dst=/x"], "bind source path does not exist: /no/such"),
            (["-v", "/tmp:/x:sideways"], "invalid mode: sideways"),
            (["--tmpfs", "relative"], "mount path must be absolute"),
            (["--gpus", "all"], "could not select device driver"),
        ] as [([String], String)])
    func refusesInDockersWords(subject: DockerSubject, flags: ([String], String)) async throws {
        let result = try await subject.docker(
            daemon, ["run", "--rm"] + flags.0 + subject.flags + ["busybox", "true"])
        #expect(result.status == 125)
        #expect(result.errors.contains(flags.1), "\(result.errors)")
    }

    @Test func namespacesCanBeShared() async throws {
        let subjects = DockerSubject.all.filter { !$0.isMachine }
        for subject in subjects {
            let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
            let donor = "donor-\(subject.name)"
            let started = try await docker(
                ["run", "-d", "--name", donor, "--ipc", "shareable"] + subject.flags + ["busybox", "sleep", "1000"])
            #expect(started.status == 0, "\(started.errors)")
            #expect(try await docker(["exec", donor, "sh", "-c", "echo shared > /dev/shm/f"]).status == 0)
            let run = { (flags: [String], script: String) in
                try await docker(["run", "--rm"] + flags + subject.flags + ["busybox", "sh", "-c", script])
            }
            let joined = try await run(
                ["--ipc", "container:\(donor)", "--pid", "container:\(donor)"], "cat /dev/shm/f; cat /proc/1/cmdline")
            #expect(joined.output == "shared\nsleep\u{0}1000\u{0}", "\(joined.errors)")
            let host = try await run(["--pid", "host", "--uts", "host"], "hostname; test $$ -gt 1 && echo seen")
            #expect(host.lines == [ProcessInfo.processInfo.hostName, "seen"], "\(host.errors)")
            #expect(try await run(["--ipc", "none"], "ls /dev | grep -c shm").trimmed == "0")
            let unshared = try await run([], "cat /proc/self/cgroup | grep -c /").trimmed
            #expect(Int(unshared) ?? 0 > 0)
            #expect(try await docker(["rm", "-f", donor]).status == 0)
            let gone = try await run(["--pid", "container:\(donor)"], "true")
            #expect(gone.errors.contains("No such container: \(donor)"), "\(gone.errors)")
        }
    }

    /// A control group where the user wants it is found again after a crash, and goes with its workload.
    @Test func controlGroupsLieWhereTheUserWants() async throws {
        let parent = "tandem-test-parent"
        for subject in DockerSubject.all where subject.name != "reference" {
            let name = "grouped-\(subject.name)"
            let run = try await subject.docker(
                daemon,
                ["run", "-d", "--name", name, "--cgroup-parent", parent] + subject.flags
                    + ["busybox", "sleep", "1000"])
            let id = run.trimmed
            #expect(id.count == 64, "\(run.errors)")
            #expect(!groups(id).isEmpty && groups(id).allSatisfy { $0.hasSuffix("/\(parent)/\(id)") })
            #expect(try await inspect(subject, name, "{{.HostConfig.CgroupParent}}") == parent)
            if !subject.isMachine {
                await daemon.kill()
                try await daemon.start()
                #expect(try await subject.docker(daemon, ["exec", name, "echo", "here"]).output == "here\n")
            }
            #expect(try await subject.docker(daemon, ["rm", "-f", name]).status == 0)
            try await eventually { groups(id).isEmpty }
        }
        // As Docker's, the parent stays; it is this test's to remove.
        for path in folders("/sys/fs/cgroup").map({ "\($0)/\(parent)" }) + ["/sys/fs/cgroup/\(parent)"] { rmdir(path) }
    }

    private func groups(_ id: String) -> [String] {
        (["/sys/fs/cgroup"] + folders("/sys/fs/cgroup")).flatMap { folders($0) }.flatMap { folders($0) }
            .filter { $0.hasSuffix(id) }
    }

    private func folders(_ path: String) -> [String] {
        // A group may go while it is looked at.
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).map { "\(path)/\($0)" }.filter {
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: $0, isDirectory: &isFolder) && isFolder.boolValue
        }
    }

    @Test func aVMSaysWhatItCannotHave() async throws {
        let subject = try #require(DockerSubject.all.first { $0.isMachine })
        let result = try await subject.docker(
            daemon, ["run", "--rm", "--pid", "host", "--ipc", "host", "--uts", "host"] + subject.flags + ["busybox"])
        #expect(result.status == 125)
        for part in ["processes of the host", "shared memory of the host", "host name of its own"] {
            #expect(result.errors.contains(part), "\(result.errors)")
        }
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
        for _ in 0..<200 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("it never came about")
    }
}
