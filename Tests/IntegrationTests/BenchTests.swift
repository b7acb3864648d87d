// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Every suite that comes along, in its quick form, for both kinds.
@Suite(.daemon, .serialized)
struct BenchTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private struct Result: Decodable {
        struct Failure: Decodable {
            var caseName: String
            var subject: String
            var reason: String
        }
        var finished: [String]
        var subjects: [String: String]
        var failures: [Failure]
    }

    @Test(arguments: ["startup", "footprint", "density"])
    func aSuiteOfTheDefaultImageRunsToItsEnd(suite: String) async throws { try await rehearse(suite) }

    @Test func suitesOfTheBenchmarkImageRunToTheirEnds() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
        let build = try await Program(root.path + "/benchmarks/image/build", [Binaries.path("tandem")]).run(
            environment: ["TANDEM_HOST": daemon.endpoint], deadline: 600)
        try #require(build.status == 0, "\(build.errors)")
        for suite in ["cpu", "memory", "app", "isolation"] { try await rehearse(suite) }
        // The jobs are the same in all three places.
        let jobs = [
            "root sequential write 128k", "root random mixed 4k depth 1", "volume sequential read 1M",
            "volume random mixed 4k depth 32", "folder random read 4k depth 1", "folder many small files",
        ]
        try await rehearse("disk", "--cases", jobs.joined(separator: ","))
        // The other modes need less of the engine than this one.
        try await rehearse("network", "--parameter", "network=nat")
        // One case of each kind, with the combination of parameters that needs most of the engine.
        let cell = ["memory=512m", "cpus=2", "disk=qcow2"].flatMap { ["--parameter", $0] }
        try await rehearse("lab/csen241", cell + ["--cases", "cpu small,memory random,fileio random"])
        try await daemon.tandem("rmi", "tandem-bench")
    }

    @Test func aDiskOfEitherFormatHoldsWhatIsWritten() async throws {
        for format in ["raw", "qcow2"] {
            let arguments = ["--vm", "--storage-opt", "format=\(format)", "--storage-opt", "size=64m"]
            let words = ["busybox", "sh", "-c", "cat /f 2>/dev/null; echo \(format) > /f; sync"]
            try await daemon.tandem(["create", "--name", format] + arguments + words)
            #expect(try await daemon.tandem("start", "-a", format).output == "")
            #expect(try await daemon.tandem("start", "-a", format).output == "\(format)\n")
            #expect(try await daemon.tandem("diff", format).lines == ["A /f"])
            try await daemon.tandem("rm", format)
        }
        let refused = try await daemon.tandem("create", "--storage-opt", "format=qcow2", "busybox")
        #expect(refused.status != 0 && refused.errors.contains("a container has none"))
        let wrong = try await daemon.tandem("create", "--vm", "--storage-opt", "format=vdi", "busybox")
        #expect(wrong.errors.contains("invalid disk format: 'vdi'"))
    }

    @Test func aDiskIsCachedAsItWasAskedFor() async throws {
        for (mode, isDirect) in [("none", true), ("writethrough", false)] {
            try await daemon.tandem(
                "run", "-d", "--name", mode, "--vm", "--storage-opt", "cache=\(mode)", "busybox", "sleep", "9999")
            try await daemon.tandem("exec", mode, "sh", "-c", "echo x > /f; sync")
            // What QEMU has opened tells, not what it was asked for.
            let machine = try await daemon.tandem("inspect", "-f", "{{.State.Pid}}", mode).lines[0]
            #expect(try Self.isOpenedDirectly("disk.ext4", by: machine) == isDirect)
            try await daemon.tandem("rm", "-f", mode)
        }
        let refused = try await daemon.tandem("create", "--storage-opt", "cache=none", "busybox")
        #expect(refused.errors.contains("a container has none"))
        let wrong = try await daemon.tandem("create", "--vm", "--storage-opt", "cache=much", "busybox")
        #expect(wrong.errors.contains("invalid disk cache: 'much'") && wrong.errors.contains("writeback"))
    }

    @Test func processorsAreRunByTheAcceleratorThatIsAskedFor() async throws {
        try await daemon.tandem(
            "run", "-d", "--name", "emulated", "--vm", "--accelerator", "tcg", "busybox", "sleep", "9999")
        let machine = try await daemon.tandem("inspect", "-f", "{{.State.Pid}}", "emulated").lines[0]
        let words = try String(contentsOfFile: "/proc/\(machine)/cmdline", encoding: .utf8).split(separator: "\0")
        #expect(words.contains { $0 == "tcg" || $0.contains("accel=tcg") }, "\(words)")
        try await daemon.tandem("rm", "-f", "emulated")
        let refused = try await daemon.tandem("create", "--accelerator", "tcg", "busybox")
        #expect(refused.status == 125 && refused.errors.contains("runs the processors of a VM"), "\(refused.errors)")
        let unknown = try await daemon.tandem("create", "--vm", "--annotation", "tandem.accelerator=hvf", "busybox")
        #expect(unknown.status == 125 && unknown.errors.contains("there is no accelerator 'hvf'"), "\(unknown.errors)")

        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let scan = ["bench", "run", "--quick", "-o", file.path, "--cases", "exec", "--subjects"]
        try await daemon.tandem(scan + ["container,vm-tcg", "startup"])
        let result = try JSONDecoder().decode(Result.self, from: try Data(contentsOf: file))
        #expect(result.finished == ["exec"] && result.failures.isEmpty)
        #expect(result.subjects == ["container": "", "vm-tcg": "tcg"])
        let doctor = try await daemon.tandem("doctor", "--json").output
        guard !doctor.contains("\"accelerator\": \"kvm\"") else { return }
        let impossible = try await daemon.tandem(scan + ["vm-kvm", "startup"])
        #expect(impossible.status == 1 && impossible.errors.contains("VMs by kvm do not work"), "\(impossible.errors)")
    }

    /// Whether a process has a file open with O_DIRECT (proc(5), `fdinfo`).
    private static func isOpenedDirectly(_ name: String, by process: String) throws -> Bool {
        let folder = "/proc/\(process)/fd"
        for descriptor in try FileManager.default.contentsOfDirectory(atPath: folder) {
            // Descriptors come and go.
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(descriptor)")
            guard path?.hasSuffix("/" + name) == true else { continue }
            let text = try String(contentsOfFile: "/proc/\(process)/fdinfo/\(descriptor)", encoding: .utf8)
            let flags = text.components(separatedBy: "\n").first { $0.hasPrefix("flags:") }?.dropFirst(6)
            guard let value = flags.flatMap({ Int32($0.trimmingCharacters(in: .whitespaces), radix: 8) }) else {
                continue
            }
            if value & 0o40000 != 0 { return true }
        }
        return false
    }

    @Test func theKernelThatWasUsedIsUsedAgainAfterAScan() async throws {
        func used() async throws -> String? {
            try await daemon.tandem("kernel", "ls").lines.first { $0.hasSuffix("*") }
        }
        let before = try await used()
        let name = try #require(before?.prefix { $0 != " " })
        // The same kernel by another name: there may be only one.
        let caches = [ProcessInfo.processInfo.environment["TANDEM_CACHE"], "/var/cache/tandem"].compactMap(\.self)
        let folder = try #require(
            (caches + [NSHomeDirectory() + "/.cache/tandem"]).map { "\($0)/kernels/\(name)" }.first {
                FileManager.default.fileExists(atPath: $0 + "/kernel.json")
            })
        let (own, other) = (daemon.folder.path + "/data/kernels", "another")
        try FileManager.default.createDirectory(atPath: own, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: "\(own)/\(other)", withDestinationPath: folder)
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let scan = ["bench", "run", "--quick", "--subjects", "vm", "-o", file.path, "--cases", "exec"]
        let kernels = ["--parameter", "kernel=\(name),\(other)", "startup"]
        try await daemon.tandem(scan + kernels)
        let result = try JSONDecoder().decode(Result.self, from: try Data(contentsOf: file))
        #expect(result.finished == ["exec|kernel=\(name)", "exec|kernel=\(other)"])
        #expect(try await used() == before)
        // Cut off as soon as the kernel has been changed.
        let words =
            (["bench", "run", "--subjects", "vm", "-n", "1000", "-o", file.path, "--cases", "exec"]
            + ["--parameter", "kernel=\(other)", "startup"]).map { "'\($0)'" }.joined(separator: " ")
        let script = """
            '\(Binaries.path("tandem"))' \(words) & id=$!
            for i in $(seq 200); do
                '\(Binaries.path("tandem"))' kernel ls | grep -q '^\(other).*\\*$' && break
                sleep 0.1
            done
            '\(Binaries.path("tandem"))' kernel ls
            kill -INT $id
            wait $id
            """
        let cut = try await Program("/bin/bash", ["-c", script]).run(
            environment: ["TANDEM_HOST": daemon.endpoint], deadline: 120)
        #expect(cut.lines.contains { $0.hasPrefix(other) && $0.hasSuffix("*") }, "\(cut.output)")
        #expect(cut.status == 130, "\(cut.errors)")
        #expect(try await used() == before)
        #expect(try await daemon.tandem("ps", "-aq", "--filter", "label=tandem.benchmark").output == "")
    }

    @Test func whatAKilledRunHasLeftTheNextOneRemoves() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        func folders() throws -> [String] {
            let names = try FileManager.default.contentsOfDirectory(atPath: "/var/tmp")
            return names.filter { $0.hasPrefix("tandem-bench-") }.filter { name in
                let record = try? String(contentsOfFile: "/var/tmp/\(name)/run.json", encoding: .utf8)
                return record?.replacing("\\/", with: "/").contains(daemon.folder.path + "/") == true
            }
        }
        func workloads() async throws -> [String] {
            try await daemon.tandem("ps", "-aq", "--filter", "label=tandem.benchmark").lines
        }
        let script = """
            "$0" bench run --subjects process,container,vm -n 100000 -o '\(file.path)' --cases exec startup &
            for i in $(seq 600); do
                [ "$("$0" ps -q --filter label=tandem.benchmark | wc -l)" = 2 ] && break
                sleep 0.1
            done
            kill -9 $!
            """
        _ = try await Program("/bin/bash", ["-c", script, Binaries.path("tandem")]).run(
            environment: ["TANDEM_HOST": daemon.endpoint], deadline: 120)
        #expect(try await workloads().count == 2)
        let left = try folders()
        #expect(left.count == 1)
        try await daemon.tandem(
            "bench", "run", "--quick", "--subjects", "container", "-o", file.path, "--cases", "exec", "startup")
        #expect(try await workloads() == [])
        #expect(try folders() == [] && left.allSatisfy { !FileManager.default.fileExists(atPath: "/var/tmp/" + $0) })
    }

    private func rehearse(_ suite: String, _ options: String...) async throws { try await rehearse(suite, options) }

    private func rehearse(_ suite: String, _ options: [String]) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "bench-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        let arguments = ["bench", "run", "--quick", "--subjects", "container,vm", "-o", file.path] + options + [suite]
        let run = try await Program(Binaries.path("tandem"), arguments).run(
            environment: ["TANDEM_HOST": daemon.endpoint], deadline: 600)
        #expect(run.status == 0, "\(suite): \(run.errors)")
        let result = try JSONDecoder().decode(Result.self, from: try Data(contentsOf: file))
        #expect(!result.finished.isEmpty)
        #expect(result.failures.map { "\($0.caseName), \($0.subject): \($0.reason)" } == [], "\(suite)")
        let page = file.path + ".html"
        defer { try? FileManager.default.removeItem(atPath: page) }
        try await daemon.tandem("bench", "report", "--html", page, file.path)
        #expect(try String(contentsOfFile: page, encoding: .utf8).contains("</html>"))
        let same = try await daemon.tandem(["bench", "compare", file.path, file.path])
        #expect(same.status == 0, "\(same.errors)")
    }
}
