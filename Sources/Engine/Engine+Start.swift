// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import LinuxSystem
import Logging
import Monitor
import Networking
import StateStore
public import TandemModel

extension Engine {
    /// Starts a workload and waits until its command has been executed.
    ///
    /// - Throws: `.notModified` if it runs already; otherwise why it cannot be started, and nothing of it is left.
    public func start(_ reference: String) async throws(EngineError) {
        let requested = HostTime.monotonic
        let workload = try find(reference)
        try await exclusively(workload) { () throws(EngineError) in
            switch workload.record.state {
            case .running, .restarting:
                throw EngineError(.notModified, "the container '\(workload.record.name)' is already running")
            case .paused:
                throw EngineError(
                    .conflict, "cannot start a paused container, try unpause instead",
                    hint: "tandem unpause \(workload.record.name)")
            default: break
            }
            workload.beginUserStart()
            try await launch(workload, requested: requested)
        }
    }

    /// The gate is closed.
    func launch(_ workload: Workload, requested: UInt64) async throws(EngineError) {
        let phases = PhaseRecorder(requested: requested)
        do throws(EngineError) {
            let backend = try backend(of: workload)
            try checkJoined(workload)
            let attaching = HostTime.monotonic
            let attachment = try await attach(workload)
            defer { closeReservations(attachment) }
            let attached = HostTime.monotonic
            if !attachment.places.isEmpty { phases.record(Phase(.network, start: attaching, end: attached)) }
            let plan = try backend.plan(try request(workload.id, workload.record.spec, making: true, attachment))
            phases.record(Phase(.image, start: requested, end: attaching))
            try await backend.makeStorage(plan)
            try await acquireVolumes(workload)
            let instance = try await backend.prepare(plan, phases: phases)
            do throws(EngineError) {
                if !attachment.places.isEmpty { try completeNetworks(workload.id) }
                try await connectPending(workload, to: instance)
                _ = try await instance.monitor.start()
            } catch {
                throw await undo(workload, instance, backend, after: error)
            }
            workload.instance = instance
            workload.plan = plan
        } catch {
            await failed(workload, error)
            throw error
        }
        workload.record.state = .running
        workload.record.started = HostTime.now
        workload.record.exit = nil
        workload.record.error = ""
        workload.record.trace = phases.snapshot
        workload.isStopping = false
        beginProbing(workload)
        emitNetworks("connect", of: workload)
        emitMounts(of: workload)
        emit("start", workload)
        watch(workload, phases: phases)
        // Nobody has to wait for this: a monitor that listens tells the next daemon the same.
        let name = workload.record.name
        state.enqueue(workload.record) { [logger] error in
            logger.error("the record of '\(name)' could not be written: \(error)")
        }
    }

    private func connectPending(_ workload: Workload, to instance: any WorkloadInstance) async throws(EngineError) {
        let pending = workload.pendingAttachments
        workload.pendingAttachments = []
        for client in pending {
            var flags: AttachFlags = []
            if client.input { flags.insert(.input) }
            if client.output { flags.insert(.output) }
            if client.errors { flags.insert(.errors) }
            do throws(EngineError) {
                client.continuation.resume(returning: try await instance.monitor.attach(flags))
            } catch {
                client.continuation.resume(returning: nil)
                throw error
            }
        }
    }

    private func undo(
        _ workload: Workload, _ instance: any WorkloadInstance, _ backend: any WorkloadBackend, after error: EngineError
    ) async -> EngineError {
        var reported = error
        instance.monitor.close()
        do throws(EngineError) {
            try await backend.releaseRuntime(workload.id)
        } catch {
            reported.cleanupFailures.append(.init(step: "release", message: error.message))
        }
        return reported
    }

    /// A failed start leaves the reason and Docker's exit code in the record.
    private func failed(_ workload: Workload, _ error: EngineError) async {
        for client in workload.pendingAttachments { client.continuation.resume(returning: nil) }
        workload.pendingAttachments = []
        let code: Int32 =
            switch error.code {
            case .commandNotFound: 127
            case .commandNotExecutable: 126
            default: 128
            }
        workload.forgetPlaces()
        workload.record.error = error.message
        workload.record.exit = ExitStatus(code: code)
        workload.record.finished = HostTime.now
        // Docker leaves a container that never ran in `created`.
        resume(&workload.exitWaiters, with: workload.record.exit)
        do throws(EngineError) {
            try await releaseVolumes(workload.id)
            try await releaseNetworks(workload.id)
            if workload.record.spec.removeOnExit {
                try await forget(workload, removingVolumes: true)
            } else {
                try await state.save(workload.record)
            }
        } catch {
            logger.error("the failed start of '\(workload.record.name)' could not be recorded: \(error)")
        }
    }

    /// Follows a running workload to its end.
    func watch(_ workload: Workload, phases: PhaseRecorder) {
        guard let instance = workload.instance else { return }
        let id = workload.id
        Task {
            let record = await instance.monitor.waitForExit()
            await ended(id, record, phases: phases)
        }
    }
}
