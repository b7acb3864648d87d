// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// `tandem run` and what stands around it, as a user types it, for both kinds.
@Suite(.daemon, .serialized)
struct RunTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test(arguments: Kind.allCases)
    func printsWhatTheCommandPrints(kind: Kind) async throws {
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "echo", "hello world"])
        #expect(result.output == "hello world\n")
        #expect(result.errors == "")
        #expect(result.status == 0)
    }

    @Test(arguments: Kind.allCases)
    func keepsTheStreamsApart(kind: Kind) async throws {
        let script = "echo out; echo err >&2; exit 3"
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "sh", "-c", script])
        #expect(result.output == "out\n")
        #expect(result.errors == "err\n")
        #expect(result.status == 3)
    }

    @Test(arguments: Kind.allCases)
    func feedsStandardInput(kind: Kind) async throws {
        let text = String(repeating: "0123456789abcdef\n", count: 20_000)
        let result = try await daemon.tandem(
            ["run"] + kind.flags + ["--rm", "-i", "busybox", "md5sum"], input: Data(text.utf8))
        let expected = try await Program("/bin/busybox", ["md5sum"]).run(input: Data(text.utf8))
        #expect(result.output == expected.output)
    }

    @Test(arguments: Kind.allCases)
    func passesLargeOutputWhole(kind: Kind) async throws {
        let script = "dd if=/dev/zero bs=64k count=64 2>/dev/null | tr '\\0' 'x'"
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "sh", "-c", script])
        #expect(result.output.utf8.count == 64 * 65_536)
        #expect(result.output.utf8.allSatisfy { $0 == UInt8(ascii: "x") })
    }

    @Test(arguments: Kind.allCases)
    func reportsAMissingCommandAs127(kind: Kind) async throws {
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "no-such-command"])
        #expect(result.status == 127)
        #expect(result.errors.contains("no-such-command"))
        #expect(try await daemon.tandem("ps", "-aq").output == "")
    }

    @Test(arguments: Kind.allCases)
    func reportsAFolderAsCommandAs126(kind: Kind) async throws {
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "/etc"])
        #expect(result.status == 126)
    }

    @Test(arguments: Kind.allCases)
    func reportsASignalAs128AndMore(kind: Kind) async throws {
        let result = try await daemon.tandem(
            ["run"] + kind.flags + ["--rm", "--init", "busybox", "sh", "-c", "kill -9 $$"])
        #expect(result.status == 137)
    }

    @Test(arguments: Kind.allCases)
    func setsEnvironmentFolderUserAndHostName(kind: Kind) async throws {
        let script = "echo $GREETING; pwd; id -u; id -g; hostname"
        let result = try await daemon.tandem(
            ["run"] + kind.flags + [
                "--rm", "-e", "GREETING=hi", "-w", "/var/tmp/new", "-u", "65534:100", "--hostname", "box", "busybox",
                "sh", "-c", script,
            ])
        #expect(result.lines == ["hi", "/var/tmp/new", "65534", "100", "box"], "\(result.errors)")
    }

    @Test(arguments: Kind.allCases)
    func workloadIsProcessOne(kind: Kind) async throws {
        let result = try await daemon.tandem(["run"] + kind.flags + ["--rm", "busybox", "sh", "-c", "echo $$"])
        #expect(result.output == "1\n")
    }

    @Test(arguments: Kind.allCases)
    func sharesAVolumeBetweenTheKinds(kind: Kind) async throws {
        let volume = "shared-\(kind)"
        let other: Kind = kind == .container ? .vm : .container
        let write = try await daemon.tandem(
            ["run"] + kind.flags + ["--rm", "-v", "\(volume):/data", "busybox", "sh", "-c", "echo content > /data/f"])
        #expect(write.status == 0, "\(write.errors)")
        let read = try await daemon.tandem(
            ["run"] + other.flags + ["--rm", "-v", "\(volume):/data:ro", "busybox", "cat", "/data/f"])
        #expect(read.output == "content\n", "\(read.errors)")
        let refused = try await daemon.tandem(
            ["run"] + other.flags + ["--rm", "-v", "\(volume):/data:ro", "busybox", "touch", "/data/g"])
        #expect(refused.status == 1)
        #expect(try await daemon.tandem("volume", "rm", volume).status == 0)
    }

    @Test func eachKindHasItsKernel() async throws {
        let host = try await Program("uname", ["-r"]).run().output
        #expect(try await daemon.tandem("run", "--rm", "busybox", "uname", "-r").output == host)
        let guest = try await daemon.tandem("run", "--vm", "--rm", "busybox", "uname", "-r")
        #expect(guest.status == 0)
        #expect(guest.output != host)
    }
}
