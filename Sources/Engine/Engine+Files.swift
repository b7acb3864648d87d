// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LaunchProtocol
import LinuxSystem
import Monitor
import Networking
import SystemPackage
public import TandemModel

/// What is known about a file in a workload.
public struct WorkloadFile: Sendable {
    /// Its last part.
    public var name: String
    /// Length in bytes.
    public var size: Int64
    /// Type and permission bits (`st_mode`).
    public var mode: UInt32
    /// Seconds since 1970.
    public var modified: Int64
    /// Where a symbolic link points to; empty for anything else.
    public var linkTarget: String
}

/// Files of workloads, running or not, reached from inside: a tool of our own busybox has the workload's root as its root.
extension Engine {
    /// Looks at a file.
    public func file(_ path: String, in reference: String) async throws(EngineError) -> WorkloadFile {
        do throws(EngineError) {
            return try await withFiles(of: try find(reference)) { files throws(EngineError) in
                try await files.status(of: path)
            }
        } catch  where error.code == .notFound {
            throw EngineError(
                .notFound, error.message.replacing("in the container", with: "in container \(reference)"),
                hint: error.hint)
        }
    }

    /// Packs a file or folder into a tar, whose names begin with the last part of `path`.
    ///
    /// `receive` gets the bytes as they come.
    public func copyOut(
        _ path: String, from reference: String, _ receive: @Sendable ([UInt8]) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        let workload = try find(reference)
        try await withFiles(of: workload) { files throws(EngineError) in try await files.pack(path, receive) }
        emit("archive-path", workload)
    }

    /// Unpacks a tar into a folder.
    ///
    /// `next` gives the bytes, and `nil` at their end.
    public func copyIn(
        _ path: String, to reference: String, _ next: @Sendable () async throws(EngineError) -> [UInt8]?
    ) async throws(EngineError) {
        let workload = try find(reference)
        try await withFiles(of: workload) { files throws(EngineError) in try await files.unpack(path, next) }
        emit("extract-to-dir", workload)
    }

    func withFiles<Value: Sendable>(
        of workload: Workload, _ body: (FileAccess) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        if let instance = workload.instance, let plan = workload.plan {
            if workload.record.state == .paused, !instance.answersWhilePaused {
                if let value = try await withWokenKernel(of: workload, body) { return value }
                return try await withFiles(of: workload, body)
            }
            return try await body(FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process))
        }
        return try await exclusively(workload) { () throws(EngineError) in
            if let instance = workload.instance, let plan = workload.plan {
                return try await body(FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process))
            }
            return try await withIdleWorkload(workload, body)
        }
    }

    /// Starts a workload without its command, for the time of a call.
    ///
    /// `isConnected` says whether it is on its networks meanwhile. The gate is closed.
    func withIdleWorkload<Value: Sendable>(
        _ workload: Workload, isConnected: Bool = false, _ body: (FileAccess) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        guard isConnected else { return try await withIdleWorkload(workload, NetworkAttachment(), nil, body) }
        let attachment = try await attach(workload)
        defer { closeReservations(attachment) }
        let result: Result<Value, EngineError>
        do throws(EngineError) {
            result = .success(
                try await withIdleWorkload(workload, attachment, workload.record.spec.network, body))
        } catch {
            result = .failure(error)
        }
        try await releaseNetworks(workload.id)
        return try result.get()
    }

    private func withIdleWorkload<Value: Sendable>(
        _ workload: Workload, _ attachment: NetworkAttachment, _ network: NetworkMode?,
        _ body: (FileAccess) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        let backend = try backend(of: workload)
        var spec = workload.record.spec
        // Those that it joins need not run for this.
        spec.namespaces = NamespaceSpec()
        spec.network = network ?? .none
        var plan = try backend.plan(try request(workload.id, spec, making: true, attachment))
        plan.monitor.logPath = []
        // The next daemon must not take it for the workload itself: neither its socket nor its end.
        plan.monitor.socketPath = Bytes(paths.filesSocket(workload.id).string.utf8)
        plan.monitor.exitRecordPath = []
        plan.monitor.launch.process.program = .pause
        plan.monitor.launch.process.terminal = false
        plan.monitor.launch.process.user = []
        plan.monitor.launch.root.readOnly = false
        try await backend.makeStorage(plan)
        try await acquireVolumes(workload)
        let instance: any WorkloadInstance
        do throws(EngineError) {
            instance = try await backend.prepare(plan, phases: PhaseRecorder(requested: HostTime.monotonic))
        } catch {
            try await releaseVolumes(workload.id)
            throw error
        }
        let result: Result<Value, EngineError>
        do throws(EngineError) {
            if !attachment.places.isEmpty { try completeNetworks(workload.id) }
            _ = try await instance.monitor.start()
            result = .success(
                try await body(FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process)))
        } catch {
            result = .failure(error)
        }
        instance.monitor.signal(SIGKILL)
        _ = await instance.monitor.waitForExit()
        instance.monitor.close()
        await release(workload)
        return try result.get()
    }
}
