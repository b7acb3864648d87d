// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// docker-py and docker-compose against both kinds.
@Suite(.daemon, .serialized)
struct DockerLibraryTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private func environment(_ endpoint: String) -> [String: String] {
        ["DOCKER_HOST": endpoint, "DOCKER_CONFIG": daemon.folder.path, "COMPOSE_HTTP_TIMEOUT": "60"]
    }

    /// A Python that has docker-py: the distribution's, or the user's.
    private func python() async throws -> String {
        for candidate in ["/usr/bin/python3", "python3"] {
            if try await Program(candidate, ["-c", "import docker"]).run().status == 0 { return candidate }
        }
        throw Daemon.Failure(description: "docker-py is missing: `make test` installs it")
    }

    private static let script = """
        import docker, sys
        name, runtime = sys.argv[1], sys.argv[2] or None
        client = docker.from_env(timeout=60)
        assert client.ping()
        options = dict(network_mode='none', runtime=runtime)
        output = client.containers.run('busybox', ['sh', '-c', 'echo $A; echo err >&2'], environment={'A': 'hi'},
                                       remove=True, **options)
        assert output == b'hi\\n', output
        try:
            client.containers.run('busybox', ['sh', '-c', 'echo why >&2; exit 4'], remove=True, **options)
            assert False, 'an end with 4 was no error'
        except docker.errors.ContainerError as error:
            assert error.exit_status == 4 and b'why' in error.stderr, error
        c = client.containers.create('busybox', ['sleep', '1000'], name=name, labels={'k': 'v'}, mem_limit='128m',
                                     cap_drop=['MKNOD'], tmpfs={'/t': 'size=1m'}, ulimits=[
                                         docker.types.Ulimit(name='nofile', soft=64, hard=64)],
                                     mounts=[docker.types.Mount('/m', None, type='tmpfs', tmpfs_size=1048576)],
                                     log_config=docker.types.LogConfig(type='json-file', config={'max-size': '1m'}),
                                     **options)
        assert c.status == 'created'
        c.start(); c.reload()
        assert c.status == 'running' and c.labels == {'k': 'v'} and c.name == name
        assert [x.name for x in client.containers.list(filters={'label': 'k=v'})] == [name]
        code, output = c.exec_run(['sh', '-c', 'echo out; ulimit -n; exit 5'])
        assert (code, output) == (5, b'out\\n64\\n'), (code, output)
        code, (out, err) = c.exec_run(['sh', '-c', 'echo out; echo err >&2'], demux=True)
        assert (out, err) == (b'out\\n', b'err\\n')
        # It reads the head through a buffer that it throws away: nothing may come with it.
        assert [c.exec_run(['echo', 'out'])[1] for _ in range(20)] == [b'out\\n'] * 20
        assert c.top()['Titles'][1] == 'PID' and c.top(ps_args='aux')['Processes'][0][-1] == 'sleep 1000'
        stats = c.stats(stream=False)
        assert stats['memory_stats']['usage'] > 0 and stats['precpu_stats']['system_cpu_usage'] > 0
        stream = c.stats(decode=True)
        assert next(stream)['name'] == '/' + name
        assert c.update(cpu_shares=512)['Warnings'] is None
        c.reload()
        assert c.attrs['HostConfig']['CpuShares'] == 512
        c.pause(); c.reload(); assert c.status == 'paused'
        c.unpause()
        c.rename(name + '-2'); c.reload(); assert c.name == name + '-2'
        c.kill('SIGKILL')
        assert c.wait()['StatusCode'] == 137
        c.remove()
        try:
            client.containers.get(name + '-2')
            assert False, 'it is still there'
        except docker.errors.NotFound:
            pass
        print('passed')
        """

    @Test(arguments: DockerSubject.all)
    func dockerPy(subject: DockerSubject) async throws {
        let result = try await Program(
            try await python(), ["-c", Self.script, "py-\(subject.name)", subject.isMachine ? "vm" : ""]
        ).run(environment: environment(subject.endpoint(daemon)))
        #expect(result.output == "passed\n", "\(result.errors)")
    }

    private static func project(_ runtime: String, greeting: String) -> String {
        """
        version: "2.4"
        services:
          writer:
            image: busybox
            network_mode: none
            command: sh -c "echo from the writer > /data/f; echo ready; exec sleep 1000"
            volumes: ["shared:/data"]
          reader:
            image: busybox
            network_mode: none
            \(runtime)
            environment: {GREETING: \(greeting)}
            command: sh -c "cat /data/f; exec sleep 1000"
            volumes: ["shared:/data"]
            depends_on: [writer]
        volumes:
          shared: {}
        """
    }

    /// A container and a VM that share a volume; the reference has two containers.
    @Test(arguments: DockerSubject.all.filter { $0.name != "container" })
    func compose(subject: DockerSubject) async throws {
        let scratch = try ScratchFolder(prefix: "compose")
        defer { scratch.remove() }
        let runtime = subject.isMachine ? "runtime: vm" : ""
        let file = try scratch.write("docker-compose.yml", Self.project(runtime, greeting: "hello"))
        let compose = { (arguments: [String]) in
            try await Program("/usr/bin/docker-compose", ["-f", file, "-p", "tandem\(subject.name)"] + arguments).run(
                environment: environment(subject.endpoint(daemon)))
        }
        let up = try await compose(["up", "-d"])
        #expect(up.status == 0, "\(up.errors)")
        #expect(try await compose(["ps", "-q"]).lines.count == 2)
        #expect(try await compose(["ps"]).output.contains("Up"))
        let read = try await compose(["exec", "-T", "reader", "cat", "/data/f"])
        #expect(read.output == "from the writer\n", "\(read.errors)")
        #expect(try await compose(["exec", "-T", "reader", "sh", "-c", "echo back > /data/g"]).status == 0)
        #expect(try await compose(["exec", "-T", "writer", "cat", "/data/g"]).output == "back\n")
        let logs = try await compose(["logs", "--no-color"]).output
        #expect(logs.contains("| ready") && logs.contains("| from the writer"), "\(logs)")
        let again = try await compose(["up", "-d"])
        #expect(again.errors.contains("is up-to-date"), "\(again.errors)")
        // A service that is described otherwise is made anew, with its volumes.
        _ = try scratch.write("docker-compose.yml", Self.project(runtime, greeting: "again"))
        let changed = try await compose(["up", "-d", "-t", "0"])
        #expect(changed.status == 0 && changed.errors.contains("Recreating"), "\(changed.errors)")
        let kept = try await compose(["exec", "-T", "reader", "sh", "-c", "echo $GREETING; cat /data/g"])
        #expect(kept.output == "again\nback\n", "\(kept.errors)")
        let down = try await compose(["down", "-v", "-t", "1"])
        #expect(down.status == 0, "\(down.errors)")
        #expect(try await compose(["ps", "-q"]).output == "")
    }
}
