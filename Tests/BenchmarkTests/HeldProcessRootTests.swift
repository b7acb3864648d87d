// SPDX-License-Identifier: Apache-2.0

import Client
import Foundation
import Testing

@testable import Benchmark

@Suite("Processes as subjects")
struct HeldProcessRootTests {
    private func root() throws -> String {
        let path = "/tmp/tandem-held-\(UInt32.random(in: 0...UInt32.max))"
        for name in ["proc", "sys", "dev", "bin"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: true)
        }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: "\(path)/bin/busybox")
        return path
    }

    @Test("commands run in the root, the program is asked to end, and nothing stays")
    func life() async throws {
        let root = try root()
        // Nothing is mounted there any more.
        defer { try? FileManager.default.removeItem(atPath: root) }
        let program = ["/bin/busybox", "sh", "-c", "trap 'exit 0' TERM; : > /ready; busybox sleep 1000 & wait"]
        let process = try await HeldProcess.start(root: root, command: program)
        var files: [String] = []
        for _ in 0..<1_000 where !files.contains("ready") {
            let listed = try await process.execute(["/bin/busybox", "ls", "/"])
            files = String(decoding: listed.output, as: UTF8.self).split(separator: "\n").map(String.init)
        }
        #expect(files == ["bin", "dev", "proc", "ready", "sys"])
        #expect(try await process.execute(["/bin/busybox", "test", "-e", "/proc/self"]).code == 0)
        #expect(try await process.execute(["/bin/busybox", "false"]).code == 1)
        // Nothing is inherited of what our threads block and ignore: timers are signals.
        let status = try await process.execute(["/bin/busybox", "grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"])
        let masks = String(decoding: status.output, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? .max
        }
        // Without 32 and 33, which are the C library's own.
        #expect(masks.count == 2 && masks.allSatisfy { $0 & ~0x1_8000_0000 == 0 })
        // The shell does not pass the signal on to what it has started, which would sleep on.
        #expect(try #require(try await process.stop()) < 60)
        await process.release()
        #expect(try FileManager.default.contentsOfDirectory(atPath: root + "/proc").isEmpty)
        #expect(try await process.execute(["/bin/busybox", "true"]).code != 0)
    }

    @Test("a root that cannot be made whole is refused in a sentence")
    func refused() async throws {
        let error = await #expect(throws: BenchmarkError.self) {
            _ = try await HeldProcess.start(root: "/nonexistent", command: nil)
        }
        #expect(error?.message.contains("cannot be mounted: ") == true, "\(error?.message ?? "")")
    }

    @Test("what a command has left running in the root is killed, in whatever session it is")
    func rooted() async throws {
        let root = try root()
        defer { try? FileManager.default.removeItem(atPath: root) }
        let process = try await HeldProcess.start(root: root, command: nil)
        let script = "busybox setsid busybox sleep 1000 >/dev/null 2>&1 & echo $!"
        let begun = try await process.execute(["/bin/busybox", "sh", "-c", script])
        let id = try #require(pid_t(String(decoding: begun.output, as: UTF8.self).trimmingCharacters(in: .newlines)))
        await process.release()
        #expect(kill(id, 0) == 0)
        await RootedProcesses.kill(root: root)
        // Its parent has gone; whoever has got it may not have reaped it yet.
        let state = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8)
        #expect(state?.contains(") Z ") != false)
    }
}
