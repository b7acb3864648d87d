// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import ImageStore
import LaunchProtocol
import LinuxSystem
import Monitor
import StateStore
import TandemModel

/// How a command of a build has ended.
struct BuildStepResult: Sendable {
    var code: Int32
    /// What it has made, if it went well.
    var image: Image?
    /// Whether the workload has gone.
    var isRemoved = true
}

extension Engine {
    /// Creates the workload in which a command of a build is executed.
    func createBuildStep(_ spec: WorkloadSpec) async throws(EngineError) -> WorkloadID {
        var spec = spec
        // The daemon that follows a killed one takes it away.
        spec.isBuildStep = true
        return try await create(name: nil, spec).id
    }

    /// Executes the workload's command and makes an image of what it has written; the workload goes unless the command was
    /// executed and it is to be kept.
    ///
    /// The first process only waits, and the command is one that is executed beside it: so a VM is booted once, and its
    /// files can still be reached when the command has ended.
    func runBuildStep(
        _ id: WorkloadID, as step: ImageExtension, on parent: Image, latestTime: Int64?, _ request: BuildRequest,
        control: BuildControl, output: @escaping @Sendable ([UInt8]) async -> Void
    ) async throws(EngineError) -> BuildStepResult {
        let workload = try find(id.description)
        let began = HostTime.now
        let result: Result<BuildStepResult, EngineError>
        do throws(EngineError) {
            result = .success(
                try await exclusively(workload) { () throws(EngineError) in
                    try await withIdleWorkload(workload, isConnected: true) { files throws(EngineError) in
                        let code = try await execute(workload, files, control, output)
                        guard code == 0 else { return BuildStepResult(code: code) }
                        let image = try await addLayer(
                            of: workload, files, to: parent, by: step, freezes: false, latestTime: latestTime)
                        return BuildStepResult(code: code, image: image)
                    }
                })
        } catch {
            result = .failure(error)
        }
        control.onCancel(nil)
        if case .success(var done) = result, !request.alwaysRemovesSteps, !request.removesSteps || done.code != 0 {
            try await keep(workload, done.code, since: began)
            done.isRemoved = false
            return done
        }
        try await remove(id.description, force: true, removingVolumes: true)
        return try result.get()
    }

    /// Makes an ordinary workload that has ended out of that of a command.
    private func keep(_ workload: Workload, _ code: Int32, since began: Timestamp) async throws(EngineError) {
        try await exclusively(workload) { () throws(EngineError) in
            workload.record.spec.isBuildStep = nil
            workload.record.state = .exited
            workload.record.started = began
            workload.record.finished = HostTime.now
            workload.record.exit = ExitStatus(code: code, outOfMemory: false)
            try await state.save(workload.record)
        }
    }

    private func execute(
        _ workload: Workload, _ files: FileAccess, _ control: BuildControl,
        _ output: @Sendable ([UInt8]) async -> Void
    ) async throws(EngineError) -> Int32 {
        let spec = workload.record.spec
        if spec.process.workingDirectory != "/" { try await files.makeFolder(spec.process.workingDirectory) }
        let session = try await files.monitor.execute(
            ProcessLowering.further(spec.process, in: spec, like: files.process))
        defer { session.close() }
        control.onCancel {
            session.signal(SIGKILL)
            session.close()
        }
        try control.check()
        session.closeInput()
        while let piece = await session.nextOutput() { await output(piece.bytes) }
        try control.check()
        return try await session.waitForExit().code
    }
}

extension FileAccess {
    /// Makes a folder with those above it, as a container's working directory is made.
    fileprivate func makeFolder(_ path: String) async throws(EngineError) {
        let session = try await monitor.execute(ProcessLowering.helper(["mkdir", "-p", path], like: process))
        defer { session.close() }
        session.closeInput()
        while await session.nextOutput() != nil {}
        guard try await session.waitForExit().code == 0 else {
            throw EngineError(.invalidArgument, "the working directory '\(path)' cannot be made")
        }
    }
}
