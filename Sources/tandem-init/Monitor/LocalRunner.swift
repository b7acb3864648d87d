// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Runs processes in this executor's own kernel: the monitor of a container, or the agent of a guest.
final class LocalRunner: Runner {
    private let loop: EventLoop
    private var processes: [UInt32: LocalProcess] = [:]
    private var plan = LaunchPlan()
    private var firstPid: Int32 = 0
    private let holdsMounts: Bool

    /// `holdsMounts` keeps the workload's mounts until this executor ends.
    ///
    /// The kernel takes the last process's mounts apart before it tells anyone of its end, which takes longer than the
    /// whole rest of the exit; so the end is told first. A guest has to let go of them before it powers off.
    init(on loop: EventLoop, holdsMounts: Bool) {
        self.loop = loop
        self.holdsMounts = holdsMounts
        super.init()
        _ = tandem_become_subreaper()
    }

    override func start(_ plan: LaunchPlan) {
        self.plan = plan
        if !plan.storage.isEmpty {
            let begun = tandem_monotonic()
            if let failure = executeStorage(plan.storage) { return onFailed(0, failure) }
            onPhase(.storage, begun, tandem_monotonic())
        }
        if let failure = self.plan.cgroup.make() { return onFailed(0, failure) }
        switch launch(self.plan) {
        case .failure(let failure): onFailed(0, failure)
        case .success(let launched):
            firstPid = launched.pid
            if holdsMounts { _ = open(bytes("/proc/") + digits(Int(launched.pid)) + bytes("/ns/mnt"), O_RDONLY) }
            onPhase(.namespaces, launched.begun, launched.ready)
            onPhase(.exec, launched.ready, launched.executed)
            adopt(0, launched)
        }
    }

    override func execute(_ process: UInt32, _ plan: ProcessPlan) {
        guard let first = processes[0], first.code == nil else {
            return onFailed(process, LaunchFailure(.state, errno: ESRCH))
        }
        var namespaces = self.plan.joined.reduce(self.plan.namespaces) { $0.union($1.namespace) }
        if self.plan.networkDescriptor != 0 { namespaces.insert(.network) }
        let launched =
            switch plan.program {
            case .listLayer: listLayer(of: self.plan.root, plan)
            case .packLayer: packLayer(of: self.plan, first: first.pidfd, plan)
            case .freeze: freeze(self.plan.cgroup, plan)
            case .arguments, .helper, .pause, .packRoot:
                enter(first.pidfd, first: firstPid, namespaces: namespaces, cgroup: self.plan.cgroup, process: plan)
            }
        switch launched {
        case .failure(let failure): onFailed(process, failure)
        case .success(let launched): adopt(process, launched)
        }
    }

    private func adopt(_ number: UInt32, _ launched: LaunchedProcess) {
        let process = LocalProcess(number, launched, on: loop)
        processes[number] = process
        process.onOutput = { [self] stream, bytes in onOutput(number, stream, bytes) }
        process.onInputTaken = { [self] count in onInputTaken(number, count) }
        process.onComplete = { [self] record in
            processes[number] = nil
            var record = record
            if number == 0 { record.outOfMemory = plan.cgroup.hasRunOutOfMemory }
            onExited(number, record)
        }
        // Opened first: input that has waited for the start is passed on at once.
        process.open()
        onStarted(number, UInt32(bitPattern: launched.pid))
        // It may have ended before it was known here, in the reaping of a step of its own launch.
        reapChildren()
    }

    /// Reaps whatever has ended: own processes, and orphans that fell to this subreaper.
    func reapChildren() {
        while true {
            var code: Int32 = 0
            let pid = tandem_reap(-1, &code)
            guard pid > 0 else { return }
            for process in Array(processes.values) where process.pid == pid {
                // The first process takes its whole pid namespace along, so its streams end with it.
                process.ended(code, outputDeadline: process.number == 0 && hasPidNamespace ? nil : 100)
            }
        }
    }

    private var hasPidNamespace: Bool { plan.namespaces.contains(.pid) }

    override func input(_ process: UInt32, _ bytes: Bytes) {
        guard let target = processes[process] else { return onInputTaken(process, bytes.count) }
        target.input(bytes)
    }

    override func closeInput(_ process: UInt32) { processes[process]?.closeInput() }

    override func resize(_ process: UInt32, rows: UInt16, columns: UInt16) {
        processes[process]?.resize(rows: rows, columns: columns)
    }

    override func signal(_ process: UInt32, number: Int32, toAll: Bool) {
        guard toAll else {
            processes[process]?.signal(number)
            return
        }
        for row in processTable().rows { kill(Int32(bitPattern: row.pid), number) }
    }

    override func setOutputPaused(_ process: UInt32, _ paused: Bool) { processes[process]?.setPaused(paused) }

    override func listProcesses() {
        onAnswer(Frame(.processes, payload: processTable().encoded()))
    }

    private func processTable() -> ProcessTable {
        // Without a pid namespace of its own, only the control group tells whose a process is.
        let unified = plan.cgroup.unifiedDirectory
        let group = unified.isEmpty ? plan.cgroup.legacyDirectories.first ?? [] : unified
        return tandem_init.processTable(of: firstPid, group: hasPidNamespace ? [] : group)
    }

    override func limitProcesses(_ limit: UInt64) {
        let failure =
            plan.cgroup.isMadeByExecutor
            ? plan.cgroup.setProcessLimit(limit) : LaunchFailure(.cgroup, errno: EOPNOTSUPP)
        onAnswer(failure.map { Frame(.refused, payload: $0.encoded()) } ?? Frame(.done))
    }

    override func changeNetwork(_ change: NetworkChange) {
        let isRunning = processes[0].map { $0.code == nil } ?? false
        let failure =
            isRunning ? carryOut(change, inNetworkOf: firstPid) : LaunchFailure(.state, errno: ESRCH)
        onAnswer(failure.map { Frame(.refused, payload: $0.encoded()) } ?? Frame(.done))
    }

    override func guestUsage() { onAnswer(Frame(.usage, payload: readGuestUsage().encoded())) }
}
