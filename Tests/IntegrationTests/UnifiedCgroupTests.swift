// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Containers on a host with control groups of version 2: one of Tandem's own guests, in which the daemon under test runs
/// on the host's files, shared read-only.
///
/// Everything in it is emulated where the host has no usable KVM, so the guest is started once and every fact is asked for
/// in one script.
@Suite(.daemon, .serialized)
struct UnifiedCgroupTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    /// `TANDEM_TEST_KERNELS=stock,tuned` tests several; every machine that runs the tests has the stock one.
    static let kernels = (ProcessInfo.processInfo.environment["TANDEM_TEST_KERNELS"] ?? "stock").split(separator: ",")
        .map(String.init)

    @Test(arguments: kernels)
    func containersRunOnVersion2(kernel: String) async throws {
        try #require(await daemon.tandem("kernel", "use", kernel).status == 0)
        let scratch = try ScratchFolder(prefix: "v2")
        defer { scratch.remove() }
        let script = try scratch.write("script", Self.inside)
        let programs = URL(filePath: Binaries.path("tandemd")).resolvingSymlinksInPath().deletingLastPathComponent()
        let result = try await daemon.tandem(
            [
                "run", "--rm", "--vm", "--privileged", "-m", "1g", "--cpus", "2", "-v", "/:/host:ro", "busybox", "sh",
                "-c", Self.outside, "sh", "/host" + script, programs.path,
            ], deadline: 600)
        var facts: [String: String] = [:]
        for line in result.lines {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { facts[String(parts[0])] = String(parts[1]) }
        }
        for (fact, expected) in Self.expected {
            #expect(facts[fact] == expected, "\(fact)")
        }
        for (fact, expected) in Self.expectedParts {
            #expect(facts[fact]?.contains(expected) == true, "\(fact) is \(facts[fact] ?? "missing")")
        }
        #expect(facts["end"] == "reached", "\(result.output)\n\(result.errors)")
    }

    private static let expected: KeyValuePairs = [
        // The group of a container is the root of what it sees.
        "own group": "0::/", "own mount": "/",
        // `run -m 64m --memory-swap 96m --memory-reservation 32m --cpus 0.5 --pids-limit 33 --cpu-shares 512
        // --cpuset-cpus 1`
        "memory.max": "67108864", "memory.swap.max": "33554432", "memory.low": "33554432",
        "cpu.max": "50000 100000", "pids.max": "33", "cpu.weight": "20", "cpuset.cpus": "1", "members": "1",
        // `exec` joins the groups and sees them as the first process does.
        "exec group": "0::/", "exec mount": "/", "exec processors": "1", "members during exec": "2",
        // `update -m 48m --cpus 0.75 --pids-limit 44 --cpu-shares 2048 --cpuset-cpus 0`
        "updated memory.max": "50331648", "updated cpu.max": "75000 100000", "updated pids.max": "44",
        "updated cpu.weight": "79", "updated cpuset.cpus": "0",
        "forks beyond the limit": "refused",
        "stats": "48MiB 1",
        "paused": "frozen 1", "unpaused": "frozen 0",
        // Nodes may be made; those that no rule allows cannot be opened.
        "zero": "read", "disk": "refused", "disk by --device": "read", "disk by --device, writing": "refused",
        "disk, privileged": "read", "disk, privileged, writing": "done",
        "killed": "137", "group after rm": "none",
        "oom": "137 true",
        // A privileged container hands its controllers on, and `exec` follows it.
        "delegated": "yes", "exec after delegation": "0::/leaf", "groups after rm -f": "none",
        "paused one after rm -f": "none",
        // A daemon that was killed leaves its containers running; the next one knows them.
        "state after a crash": "running", "exec after a crash": "0::/", "strays": "none",
        "scope after the daemon's end": "none",
    ]

    private static let expectedParts: KeyValuePairs = [
        "doctor": "v2: cpu, cpuset, io, memory, pids"
    ]
}
