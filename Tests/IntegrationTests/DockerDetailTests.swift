// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What users of the docker CLI meet off the usual ways, with expectations that a real dockerd meets too.
@Suite(.daemon, .serialized)
struct DockerDetailTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// One workload for all of it: a guest takes seconds to boot.
    @Test(arguments: DockerSubject.all)
    func aWorkloadInUse(subject: DockerSubject) async throws {
        let name = "used-\(subject.name)"
        let run = try await subject.docker(
            daemon,
            ["run", "-d", "--name", name, "--init", "--group-add", "wheel", "--group-add", "77", "-v", "/data"]
                + ["-v", "shared-\(subject.name):/shared", "--tmpfs", "/t", "--cpuset-cpus", "0"] + subject.flags
                + ["busybox", "sh", "-c", "echo old > /tmp/f; echo ready; exec sleep 1000"])
        #expect(run.status == 0, "\(run.errors)")
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["exec", name, "cat", "/proc/1/comm"]).output == "docker-init\n")
        // Who is a member already does not become one twice. `exec` has the groups of its user alone.
        let groups = try await docker(["exec", name, "sh", "-c", "grep Groups: /proc/$(pidof sleep)/status"])
        #expect(groups.trimmed.split(whereSeparator: \.isWhitespace) == ["Groups:", "0", "10", "77"])
        #expect(try await docker(["exec", name, "stat", "-c", "%a %s", "/.dockerenv"]).output == "755 0\n")
        let allowed = try await docker(["exec", name, "grep", "Cpus_allowed_list", "/proc/self/status"]).output
        #expect(allowed == "Cpus_allowed_list:\t0\n")
        try await checkFailures(subject, name)
        try await checkInheritance(subject, name)
        try await checkFrozenFiles(subject, name)
        #expect(try await docker(["rm", "-f", "-v", name]).status == 0)
        #expect(try await docker(["volume", "rm", "shared-\(subject.name)"]).status == 0)
    }

    /// What cannot be executed is told on the stream, with 126 or 127.
    private func checkFailures(_ subject: DockerSubject, _ name: String) async throws {
        for (arguments, words) in [
            (["-w", "/no/such", name, "true"], "no such file or directory"),
            (["-w", "relative", name, "pwd"], "Cwd must be an absolute path"),
            (["-u", "nosuch", name, "true"], "unable to find user nosuch: no matching entries in passwd file"),
            ([name, "/no/such"], "exec: \"/no/such\": stat /no/such: no such file or directory"),
        ] {
            let result = try await subject.docker(daemon, ["exec"] + arguments)
            #expect(result.status == 126 || (result.status == 127 && arguments.first == name), "\(arguments)")
            #expect(result.output.contains(words), "\(arguments): \(result.output) \(result.errors)")
        }
        let detached = try await subject.docker(daemon, ["exec", "-d", "-w", "/no/such", name, "true"])
        #expect(detached.status == 1 && detached.errors.contains("no such file or directory"), "\(detached.errors)")
    }

    /// `--volumes-from`, and volumes at places that do not begin with a slash.
    private func checkInheritance(_ subject: DockerSubject, _ name: String) async throws {
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["exec", name, "sh", "-c", "echo 1 > /data/x; echo 2 > /shared/x"]).status == 0)
        let create = { (heir: String, flags: [String]) in
            try await docker(["create", "--name", heir] + flags + subject.flags + ["busybox", "true"])
        }
        let heir = "heir-\(subject.name)"
        let flags = ["--volumes-from", "\(name):ro", "-v", "/etc:/shared"]
        #expect(try await create(heir, flags).status == 0)
        let mounts = try await docker([
            "inspect", "-f", "{{range .Mounts}}{{.Destination}} {{.Type}} {{.RW}}\n{{end}}", heir,
        ])
        #expect(mounts.lines.sorted() == ["/data volume false", "/shared bind true"])
        #expect(try await docker(["cp", "\(heir):/data/x", "-"]).output.contains("1\n"))
        // The volume is still in use.
        #expect(try await docker(["rm", "-v", heir]).status == 0)
        #expect(try await docker(["exec", name, "cat", "/data/x"]).output == "1\n")
        #expect(try await create(heir, ["--volumes-from", "nosuch"]).errors.contains("No such container: nosuch"))
        #expect(try await create(heir, ["--volumes-from", "\(name):bad"]).errors.contains("invalid mode: bad"))
    }

    /// Files can be reached while a workload is frozen: the guest of a VM is woken for that, its workload is not.
    private func checkFrozenFiles(_ subject: DockerSubject, _ name: String) async throws {
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        #expect(try await docker(["pause", name]).status == 0)
        let copied = try await docker(["cp", "\(name):/tmp/f", "-"])
        #expect(copied.output.contains("old\n"), "\(copied.errors)")
        let changes = try await docker(["diff", name])
        #expect(changes.lines.contains("A /tmp/f"), "\(changes.errors)")
        #expect(try await docker(["export", name]).output.contains("tmp/f"))
        #expect(try await docker(["inspect", "-f", "{{.State.Status}}", name]).output == "paused\n")
        #expect(try await docker(["unpause", name]).status == 0)
        #expect(try await subject.docker(daemon, ["cp", "-", "\(name):/tmp"], input: "").status == 0)
    }

    /// `--rm` is for the end, not for a restart; and a start interval needs API 1.44.
    @Test(arguments: DockerSubject.all)
    func restartsWhatIsRemovedAtItsEnd(subject: DockerSubject) async throws {
        let name = "restarted-\(subject.name)"
        let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
        let probe = ["--health-cmd", "true", "--health-start-period", "60s", "--health-start-interval", "200ms"]
        let run = try await docker(
            ["run", "-d", "--rm", "--name", name] + (subject.name == "reference" ? [] : probe) + subject.flags
                + ["busybox", "sleep", "1000"])
        #expect(run.status == 0, "\(run.errors)")
        let restarted = try await docker(["restart", "-t", "0", name])
        #expect(restarted.status == 0, "\(restarted.errors)")
        let format = "{{.HostConfig.AutoRemove}} {{.State.Running}}"
        #expect(try await docker(["inspect", "-f", format, name]).output == "true true\n")
        if subject.name != "reference" {
            try await eventually {
                try await docker(["inspect", "-f", "{{.State.Health.Status}}", name]).output == "healthy\n"
            }
        }
        #expect(try await docker(["kill", name]).status == 0)
        try await eventually { try await docker(["ps", "-aq", "-f", "name=\(name)"]).output == "" }
    }

    @Test(arguments: DockerSubject.all)
    func aFolderThatIsAFileIsNoFolder(subject: DockerSubject) async throws {
        let result = try await subject.docker(
            daemon, ["run", "--rm", "-w", "/etc/passwd"] + subject.flags + ["busybox", "true"])
        #expect(result.status != 0 && result.errors.contains("not a directory"), "\(result.errors)")
    }

    @Test func clientsThatAreOlderGetWhatTheyNeed() async throws {
        for subject in DockerSubject.all where !subject.isMachine {
            let docker = { (arguments: [String]) in try await subject.docker(daemon, arguments) }
            // docker-compose 1.29 reads it when it makes a container anew.
            #expect(try await docker(["image", "inspect", "-f", "{{.ContainerConfig.Labels}}", "busybox"]).status == 0)
            let foreign = try await docker(
                ["create", "--pull", "never", "--platform", "linux/arm64"] + subject.flags + ["busybox", "true"])
            #expect(
                foreign.status != 0 && foreign.errors.contains("image with reference busybox was found but does not"))
            let named = try await docker(["volume", "create", "-d", "nosuch", "v"])
            let words = "create v: error looking up volume plugin nosuch: plugin \"nosuch\" not found"
            #expect(named.errors.contains(words), "\(named.errors)")
            let info = try await docker(["info", "-f", "{{.OSVersion}} {{.MemoryLimit}} {{.SwapLimit}}"]).trimmed
            let counts = FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes")
            #expect(
                info.hasSuffix(" true \(counts)") || !FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory"))
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
