// SPDX-License-Identifier: Apache-2.0

import Backend
import FoundationEssentials
import Glibc
import LinuxSystem
import Logging
import SystemPackage
import TandemModel

/// libvirt and the accelerator of this host, each found out once.
///
/// The embedded driver examines QEMU for seconds at its first start: that begins with the daemon, in the background.
actor MachineHost {
    private let paths: WorkloadPaths
    private let settings: MachineSettings
    private let kernels: KernelStore
    private let initProgram: FilePath
    private let logger: Logger
    private var connecting: Task<Result<LibvirtConnection, EngineError>, Never>?
    private var deciding: Task<Result<AcceleratorDecision, EngineError>, Never>?

    /// Whether a probe of QEMU may be this daemon's own.
    private var mayHaveProbes = false

    private var processes: MachineProcesses {
        MachineProcesses(dataRoot: paths.dataRoot, libvirtURI: settings.libvirtURI)
    }

    private static let probeDeadline = 10

    init(paths: WorkloadPaths, settings: MachineSettings, kernels: KernelStore, initProgram: FilePath, logger: Logger) {
        self.paths = paths
        self.settings = settings
        self.kernels = kernels
        self.initProgram = initProgram
        self.logger = logger
    }

    /// The connection to libvirt.
    func connection() async throws(EngineError) -> LibvirtConnection {
        let task = connecting ?? Task { await connect() }
        connecting = task
        let result = await task.value
        // The next one tries again.
        if case .failure = result { connecting = nil }
        return try result.get()
    }

    private func connect() async -> Result<LibvirtConnection, EngineError> {
        do throws(EngineError) {
            let root = paths.dataRoot.appending("libvirt")
            let driver = EmbeddedDriver(root: root)
            try Folders.make(root, mode: 0o700)
            if settings.libvirtURI == nil {
                try driver.configure()
                if !mayHaveProbes { try await BlockingQueue.run { () throws(EngineError) in try driver.endProbes() } }
                mayHaveProbes = true
            }
            let uri = settings.libvirtURI ?? driver.uri
            do throws(LibvirtError) {
                let connection = try await LibvirtConnection.open(uri, log: root.appending("libvirt.log").string)
                try await connection.probeCapabilities()
                return .success(connection)
            } catch {
                throw EngineError(
                    .unavailable, "libvirt cannot be reached at '\(uri)': \(error.text)",
                    hint: "Run `make setup` to install its QEMU driver, or name another one with --libvirt-uri.",
                    cause: error)
            }
        } catch {
            return .failure(error)
        }
    }

    // MARK: Accelerator

    /// What guests get, and why.
    func accelerator() async throws(EngineError) -> AcceleratorDecision {
        let task = deciding ?? Task { await decide() }
        deciding = task
        let result = await task.value
        if case .failure = result { deciding = nil }
        return try result.get()
    }

    private var decisionFile: FilePath { paths.dataRoot.appending("libvirt/accelerator.json") }

    private func decide() async -> Result<AcceleratorDecision, EngineError> {
        do throws(EngineError) {
            let devicePresent = Accelerator.kvm.hasDevice
            guard settings.accelerator == .auto, devicePresent else {
                return .success(
                    .decide(setting: settings.accelerator, devicePresent: devicePresent, outcome: nil, validFor: ""))
            }
            let kernel = try kernels.current()
            // Another boot of the host, or another kernel in the guest, may behave differently.
            let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
            let validFor = boot.filter { !$0.isWhitespace } + " " + kernel.inputs
            if let known = knownDecision(validFor) { return .success(known) }
            let outcome = await probe(kernel)
            let decision = AcceleratorDecision.decide(
                setting: .auto, devicePresent: true, outcome: outcome, validFor: validFor)
            logger.notice("accelerator \(decision.accelerator.rawValue): \(decision.reason)")
            // Not kept: found out again by the next daemon.
            try? JSONEncoder().encode(decision).write(to: URL(filePath: decisionFile.string), options: .atomic)
            return .success(decision)
        } catch {
            return .failure(error)
        }
    }

    private func knownDecision(_ validFor: String) -> AcceleratorDecision? {
        // Missing or unreadable: nothing is known.
        guard let content = FileManager.default.contents(atPath: decisionFile.string),
            let decision = try? JSONDecoder().decode(AcceleratorDecision.self, from: content),
            decision.validFor == validFor
        else { return nil }
        return decision
    }

    /// Boots a guest without disks by KVM, and waits for its agent's first word.
    private func probe(_ kernel: GuestKernel) async -> AcceleratorDecision.ProbeOutcome {
        let id = WorkloadID.random()
        let names = MachineNames(id: id, dataRoot: paths.dataRoot, runRoot: paths.runRoot)
        do throws(EngineError) {
            try Folders.make(names.runDirectory, mode: 0o700)
            let initramfs = try initramfs(kernel)
            let xml = DomainXML(
                name: names.domain, uuid: names.uuid, accelerator: .kvm, memory: 256 << 20, processors: 1,
                kernel: kernel.image.string, initramfs: initramfs.string,
                commandLine: KernelCommandLine.text(for: .kvm, processors: 1), agentSocket: names.agentSocket.string,
                consoleFile: names.console.string)
            let connection = try await connection()
            let begun = HostTime.monotonic
            var outcome: AcceleratorDecision.ProbeOutcome
            do throws(LibvirtError) {
                try await connection.create(xml: xml.text)
                for process in processes.all(of: id) { ChildReaper.collect(process.pid) }
                let socket = names.agentSocket
                let deadline = begun + UInt64(Self.probeDeadline) * 1_000_000_000
                switch await BlockingQueue.run({ AgentWait.firstByte(socket: socket, deadline: deadline) }) {
                case .answered: outcome = .answered(milliseconds: Int((HostTime.monotonic - begun) / 1_000_000))
                case .silent: outcome = .silent(seconds: Self.probeDeadline)
                case .closed: outcome = .died(console: lastLine(of: names.console))
                }
                // It may have died by itself.
                try? await connection.destroy(uuid: names.uuid)
            } catch {
                outcome = .refused(Self.firstClause(of: error.text))
            }
            try Folders.remove(names.runDirectory)
            return outcome
        } catch {
            return .refused(error.message)
        }
    }

    /// libvirt passes on what QEMU wrote, line by line with its times; the first clause is enough for a sentence.
    private static func firstClause(of text: String) -> String {
        let line = text.prefix { !$0.isNewline }
        return String(line.firstRange(of: ": 20").map { line[..<$0.lowerBound] } ?? line)
    }

    private func lastLine(of console: FilePath) -> String {
        // A guest that died early has written nothing.
        let text = (try? String(contentsOfFile: console.string, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").last.map { String($0.prefix(120)) } ?? ""
    }

    /// The initial file system for a kernel; made when its inputs have changed.
    func initramfs(_ kernel: GuestKernel) throws(EngineError) -> FilePath {
        try Initramfs(
            program: initProgram, modules: kernel.modules, folder: paths.dataRoot.appending("libvirt/initramfs")
        )
        .make()
    }
}
