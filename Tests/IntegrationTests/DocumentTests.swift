// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// The members of the documents about workloads, name by name and type by type.
@Suite(.daemon, .serialized)
struct DocumentTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// Prints one line for each member: the document, the path, the type.
    private static let script = """
        import docker, json, sys
        name, runtime = sys.argv[1], sys.argv[2] or None
        api = docker.from_env(timeout=60).api
        # Maps whose members are the user's.
        maps = {'Labels', 'Config.Labels', 'GraphDriver.Data', 'HostConfig.LogConfig.Config', 'memory_stats.stats', 'Tandem'}
        def shape(value, path, found):
            if path in maps: kind = 'object'
            elif isinstance(value, dict):
                kind = 'object'
                for key, entry in value.items(): shape(entry, path + '.' + key if path else key, found)
            elif isinstance(value, list):
                kind = 'array'
                for entry in value: shape(entry, path + '[]', found)
            else: kind = {str: 'string', int: 'number', float: 'number', bool: 'bool', type(None): 'null'}[type(value)]
            if path: found.add((path, kind))
        host = api.create_host_config(network_mode='none', binds=['/etc:/b:ro'], tmpfs={'/t': ''},
                                      mounts=[docker.types.Mount('/m', None, type='tmpfs')], runtime=runtime)
        api.create_container('busybox', ['sleep', '1000'], name=name, host_config=host)
        api.start(name)
        parts = {'inspect': api.inspect_container(name),
                 'row': [row for row in api.containers() if row['Names'] == ['/' + name]][0],
                 'stats': api.stats(name, stream=False)}
        for part, document in parts.items():
            found = set()
            shape(document, '', found)
            for path, kind in sorted(found): print(part, path, kind)
        try: api.remove_container(name, force=True)
        except docker.errors.APIError: pass
        """

    /// What Tandem adds.
    private static let own: Set<String> = [
        "inspect Tandem object", "row Runtime string",
        // Docker has these too, since API 1.44, which is younger than the reference.
        "inspect NetworkSettings.Networks.none.DNSNames null", "row NetworkSettings.Networks.none.DNSNames null",
    ]

    @Test(arguments: DockerSubject.all)
    func haveDockersMembers(subject: DockerSubject) async throws {
        let environment = ["DOCKER_HOST": subject.endpoint(daemon), "DOCKER_CONFIG": daemon.folder.path]
        let result = try await Program(
            "/usr/bin/python3", ["-c", Self.script, "shape-\(subject.name)", subject.isMachine ? "vm" : ""]
        ).run(environment: environment)
        // What was read from or written to disks by then is chance.
        let isChance = { (line: String) in line.contains("blkio_stats.") && line.contains("[]") }
        // The kernel keeps these with control groups of version 1 only.
        let legacy = ["percpu_usage", "max_usage"]
        let isLegacy = { (line: String) in legacy.contains { line.contains($0) } }
        let hasLegacy = FileManager.default.fileExists(atPath: "/sys/fs/cgroup/memory/memory.usage_in_bytes")
        let found = Set(result.lines.filter { !isChance($0) }).subtracting(Self.own)
        let expected = Set(DockerDocuments.members.filter { hasLegacy || !isLegacy($0) })
        #expect(!found.isEmpty, "\(result.errors)")
        #expect(found.subtracting(expected).sorted() == [], "more than Docker has")
        #expect(expected.subtracting(found).sorted() == [], "less than Docker has")
    }
}
