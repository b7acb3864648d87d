// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
public import Monitor
public import TandemModel

extension Engine {
    /// Registers a process to be executed in a running workload.
    ///
    /// What `process` leaves out comes from the workload: user, folder; the environment is added to the workload's.
    public func createExecution(
        _ reference: String, _ process: ProcessSpec, detachKeys: String = ""
    ) throws(EngineError) -> Execution {
        let workload = try find(reference)
        _ = try running(workload)
        guard !process.arguments.isEmpty else { throw EngineError(.invalidArgument, "No exec command specified") }
        let own = workload.record.spec.process
        var process = process
        if process.user.isEmpty { process.user = own.user }
        if process.workingDirectory.isEmpty { process.workingDirectory = own.workingDirectory }
        let named = Set(process.environment.map { $0.prefix { $0 != "=" } })
        process.environment = own.environment.filter { !named.contains($0.prefix { $0 != "=" }) } + process.environment
        process.privileged = process.privileged || workload.record.spec.security.privileged
        let execution = Execution(
            id: WorkloadID.random().description, workload: workload.id, process: process, detachKeys: detachKeys)
        // Old ones are kept for `inspect`, but not for ever.
        if workload.executions.count >= 256, let old = workload.executions.values.first(where: { $0.exitCode != nil }) {
            workload.executions[old.id] = nil
            executions[old.id] = nil
        }
        workload.executions[execution.id] = execution
        executions[execution.id] = workload.id
        emit("exec_create: \(execution.line)", workload, ["execID": execution.id])
        return execution
    }

    /// Executes a registered process.
    ///
    /// `size` replaces the terminal's first size that it was registered with.
    public func startExecution(_ id: String, size: TerminalSize? = nil) async throws(EngineError) -> ProcessSession {
        let execution = try execution(id)
        let workload = try find(execution.workload.description)
        let instance = try running(workload)
        guard execution.session == nil, !execution.isRunning, let plan = workload.plan else {
            throw EngineError(.conflict, "Error: Exec command \(id) has already run")
        }
        workload.executions[id]?.isRunning = true
        var specified = execution.process
        specified.terminalSize = size ?? specified.terminalSize
        let process = ProcessLowering.further(
            specified, in: workload.record.spec, like: plan.monitor.launch.process)
        emit("exec_start: \(execution.line)", workload, ["execID": id])
        do throws(EngineError) {
            guard specified.workingDirectory.isEmpty || specified.workingDirectory.hasPrefix("/") else {
                throw EngineError(
                    .commandNotExecutable, "Cwd must be an absolute path", hint: "Begin it with a slash.")
            }
            let session = try await instance.monitor.execute(process)
            workload.executions[id]?.session = session
            workload.executions[id]?.processID = session.processID
            follow(id, workload, session)
            return session
        } catch {
            workload.executions[id]?.isRunning = false
            workload.executions[id]?.exitCode = error.code == .commandNotFound ? 127 : 126
            throw error
        }
    }

    private func follow(_ id: String, _ workload: Workload, _ session: ProcessSession) {
        let owner = workload.id
        Task {
            // A session that broke has no code: the workload's end gives it one.
            let code = try? await session.waitForExit().code
            ended(execution: id, of: owner, code: code ?? 137)
        }
    }

    private func ended(execution id: String, of owner: WorkloadID, code: Int32) {
        guard let workload = workloads[owner] else { return }
        workload.executions[id]?.exitCode = code
        workload.executions[id]?.isRunning = false
        workload.executions[id]?.session = nil
        emit("exec_die", workload, ["execID": id, "exitCode": String(code)])
    }

    /// What is known about an executed process.
    public func execution(_ id: String) throws(EngineError) -> Execution {
        guard let owner = executions[id], let execution = workloads[owner]?.executions[id] else {
            throw EngineError(.notFound, "No such exec instance: \(id)")
        }
        return execution
    }

    /// Waits until an executed process has ended and its code is known.
    public func finishExecution(_ id: String) async throws(EngineError) -> Int32 {
        while true {
            let execution = try execution(id)
            if let code = execution.exitCode { return code }
            guard let session = execution.session else { return 0 }
            // The code is noted by another task right after this.
            _ = try? await session.waitForExit()
            await Task.yield()
        }
    }

    /// Sets the size of an executed process's terminal.
    public func resizeExecution(_ id: String, rows: UInt16, columns: UInt16) throws(EngineError) {
        let execution = try execution(id)
        guard let session = execution.session else {
            throw EngineError(.conflict, "the exec instance \(id) is not running")
        }
        session.resize(rows: rows, columns: columns)
    }

    func refuseRestarting(_ workload: Workload) throws(EngineError) {
        guard workload.record.state == .restarting else { return }
        throw EngineError(
            .conflict, "Container \(workload.id) is restarting, wait until the container is running",
            hint: "`tandem logs \(workload.record.name)` may say why it does not stay up.")
    }

    /// The instance of a workload that runs and is not frozen.
    func running(_ workload: Workload) throws(EngineError) -> any WorkloadInstance {
        try refuseRestarting(workload)
        guard let instance = workload.instance else {
            throw EngineError(
                .conflict, "Container \(workload.id) is not running", hint: "tandem start \(workload.record.name)")
        }
        guard workload.record.state != .paused else {
            throw EngineError(
                .conflict, "Container \(workload.record.name) is paused, unpause the container before exec",
                hint: "tandem unpause \(workload.record.name)")
        }
        return instance
    }
}
