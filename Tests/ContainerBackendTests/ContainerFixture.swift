// SPDX-License-Identifier: Apache-2.0

import Backend
import ContainerBackend
import Foundation
import LaunchProtocol
import LinuxSystem
import Monitor
import SystemPackage
import TandemModel

/// A container backend with roots of its own and one layer made of Debian's static busybox.
///
/// Needs root.
final class ContainerFixture: Sendable {
    let root: FilePath
    let paths: WorkloadPaths
    let backend: ContainerBackend
    let layer: LayerFile

    init() throws {
        root = FilePath("/tmp/tandem-test-\(UInt32.random(in: 0...UInt32.max))")
        paths = WorkloadPaths(dataRoot: root.appending("data"), runRoot: root.appending("run"))
        let tree = root.appending("tree")
        for folder in ["bin", "etc", "tmp"] { try Folders.make(tree.appending(folder)) }
        try FileManager.default.copyItem(atPath: "/bin/busybox", toPath: tree.appending("bin/busybox").string)
        for applet in ["sh", "true", "cat", "echo", "sleep", "id", "hostname", "mount", "ls", "grep", "touch"] {
            try FileManager.default.createSymbolicLink(
                atPath: tree.appending("bin").appending(applet).string, withDestinationPath: "busybox")
        }
        try "root:x:0:0:root:/root:/bin/sh\n".write(
            toFile: tree.appending("etc/passwd").string, atomically: false, encoding: .utf8)
        let image = root.appending("layer.erofs")
        try SystemProgram(path: "/usr/bin/mkfs.erofs", arguments: ["--quiet", image.string, tree.string]).run()
        layer = LayerFile(diffID: "sha256:" + String(repeating: "ab", count: 32), path: image)
        // The programs lie beside the test bundle.
        let folder = FilePath(Bundle.main.executablePath ?? CommandLine.arguments[0]).removingLastComponent()
        let candidates = [folder, FilePath(FileManager.default.currentDirectoryPath).appending(".build/debug")]
        let program = candidates.map { $0.appending("tandem-init") }.first {
            FileManager.default.isExecutableFile(atPath: $0.string)
        }
        guard let program else { throw EngineError(.notFound, "tandem-init has not been built") }
        backend = try ContainerBackend(
            paths: paths, program: MonitorProgram(path: program),
            layerMounts: LayerMounts(folder: paths.layers))
    }

    func remove() {
        backend.shutDown()
        try? Folders.remove(root)  // what is left shows in the next assertion on leftovers
    }

    func request(
        _ arguments: [String], _ change: (inout WorkloadSpec) -> Void = { _ in }
    ) -> WorkloadRequest {
        let id = WorkloadID.random()
        var spec = WorkloadSpec(
            kind: .container, imageReference: "test", imageID: "sha256:0", process: ProcessSpec(arguments: arguments),
            hostname: id.short)
        change(&spec)
        return WorkloadRequest(
            id: id, spec: spec, layers: [layer], mounts: [], files: [], dataDirectory: paths.dataDirectory(id),
            runDirectory: paths.runDirectory(id))
    }

    /// Runs a workload to its end and removes it.
    func run(
        _ arguments: [String], _ change: (inout WorkloadSpec) -> Void = { _ in }
    ) async throws -> (code: Int32, output: String, phases: [Phase]) {
        let request = request(arguments, change)
        let plan = try backend.plan(request)
        try await backend.makeStorage(plan)
        let recorder = PhaseRecorder(requested: HostTime.monotonic)
        do {
            let instance = try await backend.prepare(plan, phases: recorder)
            let session = try await instance.monitor.attach([.output, .errors])
            _ = try await instance.monitor.start()
            var output: [UInt8] = []
            while let piece = await session.nextOutput() { output += piece.bytes }
            let record = await instance.monitor.waitForExit()
            instance.monitor.close()
            try await backend.releaseRuntime(request.id)
            try await backend.removeStorage(request.id)
            return (record?.code ?? -1, String(decoding: output, as: UTF8.self), recorder.snapshot.phases)
        } catch {
            try await backend.releaseRuntime(request.id)
            try await backend.removeStorage(request.id)
            throw error
        }
    }
}
