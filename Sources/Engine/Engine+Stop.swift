// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LinuxSystem
import Logging
import Monitor
import Networking
import StateStore
public import TandemModel

extension Engine {
    /// Asks a workload to end, and kills it if it does not in time.
    ///
    /// `timeout` is in seconds; negative waits for ever, `nil` takes the workload's own.
    ///
    /// - Throws: `.notModified` if it does not run.
    public func stop(_ reference: String, timeout: Int? = nil, signal: Int32? = nil) async throws(EngineError) {
        let workload = try find(reference)
        if await endRestarting(workload) { return emit("stop", workload) }
        guard let instance = workload.instance else {
            throw EngineError(.notModified, "the container '\(workload.record.name)' is not running")
        }
        workload.isStopping = true
        await noteUserStop(of: workload, signal: SIGKILL)
        if workload.record.state == .paused { try await unpause(reference) }
        instance.monitor.signal(signal ?? workload.record.spec.stopSignal)
        emit("kill", workload, ["signal": String(signal ?? workload.record.spec.stopSignal)])
        let seconds = timeout ?? workload.record.spec.stopTimeout
        if await waitForEnd(workload, seconds: seconds < 0 ? nil : Double(seconds)) { return emit("stop", workload) }
        try await endNow(workload, instance)
        emit("stop", workload)
    }

    /// Sends a signal to a workload's first process.
    public func kill(_ reference: String, signal: Int32) async throws(EngineError) {
        let workload = try find(reference)
        if await endRestarting(workload) { return }
        guard let instance = workload.instance else {
            throw EngineError(
                .conflict, "cannot kill container: \(reference): container \(workload.id) is not running",
                hint: "`tandem ps -a` shows its state.")
        }
        await noteUserStop(of: workload, signal: signal)
        instance.monitor.signal(signal)
        emit("kill", workload, ["signal": String(signal)])
        guard signal == SIGKILL else { return }
        // A frozen process takes the signal when it goes on.
        if workload.record.state == .paused { try await unpause(reference) }
        _ = await waitForEnd(workload, seconds: 10)
    }

    /// Stops, if it runs, and starts again.
    public func restart(_ reference: String, timeout: Int? = nil, signal: Int32? = nil) async throws(EngineError) {
        let workload = try find(reference)
        if workload.isActive {
            workload.isRestarting = true
            defer { workload.isRestarting = false }
            do throws(EngineError) {
                try await stop(reference, timeout: timeout, signal: signal)
            } catch  where error.code == .notModified {
                // It ended by itself just now.
            }
        }
        try await start(workload.id.description)
        emit("restart", workload)
    }

    /// Freezes every process.
    public func pause(_ reference: String) async throws(EngineError) {
        let workload = try find(reference)
        try await exclusively(workload) { () throws(EngineError) in
            try refuseRestarting(workload)
            guard let instance = workload.instance else {
                throw EngineError(.conflict, "Container \(workload.id) is not running")
            }
            guard workload.record.state != .paused else {
                throw EngineError(.conflict, "Container \(workload.id) is already paused")
            }
            var frozen = workload.record
            frozen.state = .paused
            // Before it is: the daemon that follows a killed one would take it for running, and nobody could unpause it.
            try await state.save(frozen)
            await hold(workload)
            do throws(EngineError) {
                try await instance.pause()
            } catch {
                await letGo(workload)
                await save(workload)
                throw error
            }
            workload.record.state = .paused
            endProbing(workload)
            emit("pause", workload)
        }
    }

    /// Lets a frozen workload go on.
    public func unpause(_ reference: String) async throws(EngineError) {
        let workload = try find(reference)
        try await exclusively(workload) { () throws(EngineError) in
            guard let instance = workload.instance, workload.record.state == .paused else {
                throw EngineError(.conflict, "Container \(workload.id) is not paused")
            }
            try await instance.resume()
            await letGo(workload)
            workload.record.state = .running
            goOnProbing(workload)
            emit("unpause", workload)
            await save(workload)
        }
    }

    /// Removes a workload and its writable layer.
    ///
    /// `force` kills it first if it runs.
    public func remove(_ reference: String, force: Bool, removingVolumes: Bool) async throws(EngineError) {
        let workload = try find(reference)
        if workload.isActive {
            guard force else {
                let state = workload.record.state.rawValue
                throw EngineError(
                    .conflict,
                    "cannot remove container \"/\(workload.record.name)\": container is \(state): stop the container before removing or force remove",
                    hint: "tandem rm -f \(workload.record.name)")
            }
            _ = await endRestarting(workload)
        }
        // A start that was under way comes first, and is undone then.
        for _ in 0..<3 {
            if let instance = workload.instance {
                await noteUserStop(of: workload, signal: SIGKILL)
                if workload.record.state == .paused { try await unpause(reference) }
                workload.isStopping = true
                try await endNow(workload, instance)
            }
            await workload.gate.enter()
            defer { workload.gate.leave() }
            // `--rm` may have been quicker.
            guard !workload.isRemoved else { return }
            if workload.instance == nil { return try await forget(workload, removingVolumes: removingVolumes) }
            guard force else { break }
        }
        throw EngineError(.conflict, "the container \"\(workload.record.name)\" was started again meanwhile")
    }

    /// Gives a workload another name.
    public func rename(_ reference: String, to name: String) async throws(EngineError) {
        let workload = try find(reference)
        let name = name.hasPrefix("/") ? String(name.dropFirst()) : name
        guard name != workload.record.name else {
            throw EngineError(
                .invalidArgument, "Renaming a container with the same name as its current name",
                hint: "Give another name.")
        }
        do throws(EngineError) {
            try checkName(name)
        } catch {
            let shown = error.message.replacing("(\(name))", with: "(/\(name))")
            throw EngineError(error.code, "Error when allocating new name: \(shown)", hint: error.hint)
        }
        try await exclusively(workload) { () throws(EngineError) in
            guard names[name] == nil else {
                throw EngineError(
                    .conflict,
                    "Error when allocating new name: Conflict. The container name \"/\(name)\" is already in use by container \"\(names[name]?.description ?? "")\". You have to remove (or rename) that container to be able to reuse that name.",
                    hint: "Remove or rename that container first.")
            }
            let old = workload.record.name
            names[name] = workload.id
            workload.record.name = name
            do throws(EngineError) {
                try await state.save(workload.record)
            } catch {
                names[name] = nil
                workload.record.name = old
                throw error
            }
            names[old] = nil
            try networks.publishNames(of: workload.id, name, workload.record.spec)
            emit("rename", workload, ["oldName": "/\(old)"])
        }
    }

    /// Changes the limits of a workload, running or not, and its restart policy if one is given.
    public func update(
        _ reference: String, restart: RestartPolicy? = nil,
        _ change: @Sendable (inout ResourceLimits) throws(EngineError) -> Void
    ) async throws(EngineError) {
        let workload = try find(reference)
        try await exclusively(workload) { () throws(EngineError) in
            if let restart, restart != .never, workload.record.spec.removeOnExit {
                throw EngineError(
                    .conflict,
                    "Cannot update container \(workload.id): Restart policy cannot be updated because AutoRemove is enabled for the container",
                    hint: "Create it without --rm.")
            }
            let present = workload.record.spec.limits
            var changed = workload.record.spec
            try change(&changed.limits)
            // What its kind cannot have, it cannot have later either.
            _ = try backend(of: workload).plan(try request(workload.id, changed, making: false))
            if let instance = workload.instance { try await instance.change(changed.limits, from: present) }
            workload.record.spec.limits = changed.limits
            workload.record.spec.restart = restart ?? workload.record.spec.restart
            try await state.save(workload.record)
            emit("update", workload)
        }
    }

    /// SIGKILL, and if even that does not end it, everything that it has on the host is taken away.
    private func endNow(_ workload: Workload, _ instance: any WorkloadInstance) async throws(EngineError) {
        instance.monitor.signal(SIGKILL)
        emit("kill", workload, ["signal": String(SIGKILL)])
        if await waitForEnd(workload, seconds: 10) { return }
        logger.warning("'\(workload.record.name)' does not end by SIGKILL; its runtime is taken away")
        try await backend(of: workload).releaseRuntime(workload.id)
        _ = await waitForEnd(workload, seconds: 5)
    }

    /// Waits for the end, at most for a time.
    ///
    /// - Returns: Whether it has come.
    private func waitForEnd(_ workload: Workload, seconds: Double?) async -> Bool {
        guard workload.instance != nil else { return true }
        let number = number()
        let timer = seconds.map { seconds in
            Task { [id = workload.id] in
                // Cancelled as soon as the end has come.
                try? await Task.sleep(for: .seconds(seconds))
                timeOut(number, id)
            }
        }
        _ = await withCheckedContinuation { workload.exitWaiters[number] = $0 }
        timer?.cancel()
        return workload.instance == nil
    }

    private func timeOut(_ number: UInt64, _ id: WorkloadID) {
        workloads[id]?.exitWaiters.removeValue(forKey: number)?.resume(returning: nil)
    }
}

extension WorkloadInstance {
    /// Changes limits, all of them or none.
    fileprivate func change(_ limits: ResourceLimits, from present: ResourceLimits) async throws(EngineError) {
        do throws(EngineError) {
            try await update(limits, from: present)
        } catch {
            var reported = error
            do throws(EngineError) {
                // As runc: what was set before the one that failed goes back to what it was.
                try await update(present, from: limits)
            } catch {
                reported.cleanupFailures.append(.init(step: "set the limits back", message: error.message))
            }
            throw reported
        }
    }
}
