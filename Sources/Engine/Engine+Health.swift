// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
import LinuxSystem
import Monitor
import TandemModel

/// Probing whether a workload does its work, as dockerd does (daemon/health.go): by processes executed in it.
extension Engine {
    /// Begins to probe a workload that has been started or adopted.
    func beginProbing(_ workload: Workload) {
        endProbing(workload)
        guard workload.record.spec.healthCheck?.command != nil else { return }
        workload.record.health = workload.record.health ?? Health()
        workload.record.health?.begin()
        goOnProbing(workload)
    }

    /// Probes again after a pause; what was found before counts on.
    func goOnProbing(_ workload: Workload) {
        guard let check = workload.record.spec.healthCheck, check.command != nil, workload.record.state == .running
        else { return }
        workload.probing = Task { [id = workload.id] in await probe(id, check) }
    }

    /// Probes no more; a probe that is under way is killed.
    func endProbing(_ workload: Workload) {
        workload.probing?.cancel()
        workload.probing = nil
    }

    private func probe(_ id: WorkloadID, _ check: HealthCheck) async {
        while let workload = workloads[id], let health = workload.record.health {
            let started = workload.record.started ?? workload.record.created
            let age = Duration.nanoseconds(HostTime.now.nanoseconds - started.nanoseconds)
            do {
                try await Task.sleep(for: check.pause(age: age, status: health.status))
            } catch {
                return  // the workload has ended, or is frozen
            }
            let result = await probeOnce(workload, check)
            guard !Task.isCancelled else { return }
            if workload.record.health?.note(result, of: check, started: started) == true,
                let status = workload.record.health?.status
            {
                emit("health_status: \(status.rawValue)", workload)
            }
        }
    }

    private func probeOnce(_ workload: Workload, _ check: HealthCheck) async -> Health.Result {
        let begun = HostTime.now
        var execution: String?
        defer {
            // Nobody asks for a probe's exit code later; there are many of them.
            if let execution {
                workload.executions[execution] = nil
                executions[execution] = nil
            }
        }
        do throws(EngineError) {
            var process = ProcessSpec(arguments: check.command ?? [])
            process.workingDirectory = ""
            let id = try createExecution(workload.id.description, process).id
            execution = id
            let session = try await startExecution(id)
            let end = await Probe.follow(session, timeout: check.effectiveTimeout)
            session.close()
            let code = end.isInTime ? try await finishExecution(id) : -1
            return Health.Result(start: begun, end: HostTime.now, exitCode: code, output: end.output)
        } catch {
            return Health.Result(start: begun, end: HostTime.now, exitCode: -1, output: error.message)
        }
    }
}

/// One probe on its way.
private enum Probe {
    /// So many bytes of output are kept.
    static let longestOutput = 4_096

    /// Takes a probe's output until it ends, and kills it if it does not in time or the task is cancelled.
    static func follow(_ session: ProcessSession, timeout: Duration) async -> (isInTime: Bool, output: String) {
        let timer = Task {
            do {
                try await Task.sleep(for: timeout)
            } catch {
                return true  // it was in time
            }
            session.signal(SIGKILL)
            return false
        }
        var output: [UInt8] = []
        var isCut = false
        while let piece = await session.nextOutput() {
            isCut = isCut || output.count + piece.bytes.count > longestOutput
            output += piece.bytes.prefix(longestOutput - output.count)
        }
        if Task.isCancelled { session.signal(SIGKILL) }
        timer.cancel()
        let isInTime = await timer.value
        let text = String(decoding: output, as: UTF8.self) + (isCut ? "..." : "")
        if isInTime { return (true, text) }
        let reason = "Health check exceeded timeout (\(timeout.dockerText))"
        return (false, text.isEmpty ? reason : "\(reason): \(text)")
    }
}
