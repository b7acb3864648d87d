// SPDX-License-Identifier: Apache-2.0

import Backend
public import LaunchProtocol
public import LinuxSystem
import Monitor
public import TandemModel

/// What a workload costs the host.
public struct Footprint: Sendable {
    /// One host process.
    public struct Process: Sendable {
        /// `monitor`, `workload`, `vmm` or `virtiofsd`.
        public var role: String
        /// Host process id.
        public var pid: Int32
        /// Its memory and threads; the mapping that is counted alone is the guest's memory.
        public var memory: ProcessMemory
        /// Processor time in nanoseconds.
        public var cpuTime: UInt64
    }

    /// Every host process that exists only because of it.
    public var processes: [Process]
    /// Bytes on disk of its writable layer or disk.
    public var storage: UInt64
    /// Its own kernel's view, if it has one.
    public var guest: GuestUsage?
}

extension Engine {
    /// The processes of a running workload.
    public func processes(_ reference: String) async throws(EngineError) -> ProcessTable {
        let workload = try find(reference)
        guard let instance = workload.instance else {
            throw EngineError(.conflict, "Container \(workload.id) is not running")
        }
        try refuseRestarting(workload)
        // One that runs is asked at once, the kernel of one that is paused is woken.
        let table = try await withFiles(of: workload) { (_) throws(EngineError) in
            try await instance.monitor.listProcesses()
        }
        emit("top", workload)
        return table
    }

    /// What a running workload uses; `nil` if it does not run.
    public func usage(_ reference: String) async throws(EngineError) -> ResourceUsage? {
        guard let instance = try find(reference).instance else { return nil }
        return try await instance.usage()
    }

    /// What a running workload costs the host.
    public func footprint(_ reference: String) async throws(EngineError) -> Footprint {
        let workload = try find(reference)
        let instance = try running(workload)
        let listed = try await instance.footprintProcesses()
        // Every executor answers; only a guest's answer is about a kernel of its own.
        let hasOwnKernel = listed.contains { $0.guestMapping != nil }
        let usage = hasOwnKernel ? try await instance.monitor.guestUsage() : nil
        let folder = paths.dataDirectory(workload.id)
        let log = paths.log(workload.id)
        return await BlockingQueue.run {
            let processes = listed.map { process in
                Footprint.Process(
                    role: process.role, pid: process.pid,
                    memory: ProcessMemory(of: process.pid, mapping: process.guestMapping),
                    cpuTime: ProcessTime.used(by: process.pid))
            }
            let storage = Folders.diskUsage(folder)
            let logged = Folders.diskUsage(log)
            return Footprint(
                processes: processes, storage: storage > logged ? storage - logged : 0,
                guest: usage)
        }
    }
}
