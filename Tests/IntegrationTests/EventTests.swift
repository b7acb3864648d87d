// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What happened, in dockerd's words and order.
@Suite(.daemon, .serialized)
struct EventTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// Runs commands and gives the events that they bring, as `type action name attribute=value …`.
    private func events(
        of commands: [[String]], _ attributes: [String] = [], filters: [String] = []
    ) async throws -> [String] {
        let begun = Date().timeIntervalSince1970
        for command in commands {
            let result = try await daemon.tandem(command)
            #expect(result.status == 0, "\(command): \(result.errors)")
        }
        let range = ["--since", String(begun), "--until", String(Date().timeIntervalSince1970)]
        let lines = try await daemon.tandem(
            ["events", "--format", "{{json .}}"] + range + filters.flatMap { ["--filter", $0] }
        ).lines
        return try lines.map { line in
            let event = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let actor = try #require(event["Actor"] as? [String: Any])
            let values = try #require(actor["Attributes"] as? [String: String])
            let shown = attributes.compactMap { name in values[name].map { "\(name)=\($0)" } }
            return ([event["Type"], event["Action"]].map { "\($0 ?? "")" } + shown).joined(separator: " ")
        }
    }

    @Test(arguments: Kind.allCases)
    func aLifeHasDockerdsEvents(kind: Kind) async throws {
        let (name, volume) = ("events-\(kind)", "events-\(kind)-data")
        let script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
        let first = try await events(
            of: [
                ["run", "-d"] + kind.flags
                    + ["--name", name, "-l", "color=red", "-v", "\(volume):/data:ro", "busybox", "sh", "-c", script],
                ["exec", name, "true"], ["exec", name, "sh", "-c", "grep -q ready /proc/1/cmdline"],
                ["pause", name], ["unpause", name], ["top", name], ["update", "--restart", "no", name],
                ["kill", "-s", "CONT", name], ["stop", name],
            ], ["color", "driver", "destination", "read/write", "signal", "exitCode"])
        #expect(
            first == [
                "volume create driver=local", "container create color=red", "network connect",
                "volume mount driver=local destination=/data read/write=false", "container start color=red",
                "container exec_create: true  color=red", "container exec_start: true  color=red",
                "container exec_die color=red exitCode=0",
                "container exec_create: sh -c grep -q ready /proc/1/cmdline color=red",
                "container exec_start: sh -c grep -q ready /proc/1/cmdline color=red",
                "container exec_die color=red exitCode=0", "container pause color=red", "container unpause color=red",
                "container top color=red", "container update color=red", "container kill color=red signal=18",
                "container kill color=red signal=15", "container die color=red exitCode=5",
                "network disconnect", "volume unmount driver=local", "container stop color=red",
            ])
        let second = try await events(
            of: [
                ["rename", name, name + "-2"], ["start", name + "-2"], ["restart", "-t", "0", name + "-2"],
                ["rm", "-f", name + "-2"], ["volume", "rm", volume],
            ], ["oldName", "signal"], filters: ["event=rename", "event=start", "event=restart", "event=destroy"])
        #expect(
            second == [
                "container rename oldName=/\(name)", "container start", "container start", "container restart",
                "container destroy", "volume destroy",
            ])
    }

    @Test func filesImagesAndPrunesHaveThem() async throws {
        let scratch = try ScratchFolder(prefix: "events")
        defer { scratch.remove() }
        let file = try scratch.write("file", "x\n")
        #expect(
            try await events(of: [
                ["create", "--name", "files", "busybox", "true"], ["cp", file, "files:/tmp/x"],
                ["cp", "files:/tmp/x", scratch.path + "/back"], ["rm", "files"],
            ]) == [
                "container create", "container extract-to-dir", "container archive-path", "container destroy",
            ])
        let made = try await Program("sh", ["-ec", "cd \(scratch.path); tar -cf root.tar file"]).run()
        #expect(made.status == 0)
        let images = try await events(
            of: [
                ["image", "import", "--change", "LABEL color=blue", scratch.path + "/root.tar", "events:1"],
                ["image", "tag", "events:1", "events:2"], ["rmi", "events:1"], ["rmi", "events:2"],
            ], ["color"])
        #expect(
            images == [
                "image tag color=blue", "image import color=blue", "image tag color=blue", "image untag color=blue",
                "image untag color=blue", "image delete",
            ])
        let volumes = try await events(
            of: [
                ["volume", "create", "events"], ["volume", "create", "events"],
                ["volume", "rm", "-f", "nosuch-events"], ["volume", "prune", "-a", "-f"],
            ], ["reclaimed"])
        #expect(volumes.count == 2 && volumes.first == "volume create")
        #expect(volumes.last?.hasPrefix("volume prune reclaimed=") == true)
    }

    @Test func aClientMayLeaveByItsKeys() async throws {
        try await daemon.tandem("run", "-dit", "--name", "left", "busybox", "sh")
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.settimeout(20); s.connect(sys.argv[1])
            s.sendall(b"POST /v1.43/containers/left/attach?stream=1&stdin=1&stdout=1&detachKeys=ctrl-a,x HTTP/1.1\\r\\n"
                      b"Host: x\\r\\nConnection: Upgrade\\r\\nUpgrade: tcp\\r\\nContent-Length: 0\\r\\n\\r\\n")
            s.recv(4096); s.sendall(b"\\x01x")
            while s.recv(4096): pass
            """
        let left = try await Program("python3", ["-c", script, String(daemon.endpoint.dropFirst(7))]).run(deadline: 30)
        #expect(left.status == 0, "\(left.errors)")
        let events = try await daemon.tandem(
            "events", "--since", "1m", "--until", "0s", "--filter", "container=left", "--format", "{{.Action}}")
        #expect(events.lines == ["create", "start", "attach", "detach"])
        #expect(try await daemon.tandem("inspect", "-f", "{{.State.Status}}", "left").trimmed == "running")
        try await daemon.tandem("rm", "-f", "left")
    }

    @Test func dockersClientShowsThem() async throws {
        let begun = Date().timeIntervalSince1970
        // It listens until a second from now; what happens meanwhile is shown at once, and with the right duration.
        async let shown = Program(
            "docker",
            [
                "events", "--since", String(begun), "--until", String(Int(begun) + 4), "--filter", "container=watched",
                "--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.execDuration}}",
            ]
        ).run(environment: ["DOCKER_HOST": daemon.endpoint])
        try await daemon.tandem("run", "--rm", "--name", "watched", "busybox", "sleep", "1.2")
        let result = try await shown
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.lines == [
                "create <no value>", "attach <no value>", "start <no value>", "die 1", "destroy <no value>",
            ])
        let text = try await daemon.tandem(
            "events", "--since", "10m", "--until", "0s", "--filter", "container=watched", "--filter", "event=die")
        #expect(text.lines.count == 1)
        #expect(
            text.trimmed.contains(" container die ")
                && text.trimmed.contains("exitCode=0, image=busybox, name=watched)"))
        let wrong = try await daemon.tandem("events", "--since", "5", "--until", "3")
        #expect(wrong.errors.contains("`since` time (5) cannot be after `until` time (3)"))
        #expect(try await daemon.tandem("events", "--since", "soon").errors.contains("failed to parse value"))
    }
}
