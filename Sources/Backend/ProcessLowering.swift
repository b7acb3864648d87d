// SPDX-License-Identifier: Apache-2.0

public import LaunchProtocol
import LinuxSystem
public import TandemModel

/// Lowers processes to what the launch code executes; the same for both kinds.
public enum ProcessLowering {
    private static let defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// The workload's first process.
    ///
    /// `filtersByDefault` says whether Docker's default system call filter applies where the user chose none.
    public static func first(of spec: WorkloadSpec, filtersByDefault: Bool) throws(EngineError) -> ProcessPlan {
        let security = spec.security
        let capabilities = try CapabilitySet(security)
        var plan = ProcessPlan()
        describe(spec.process, in: &plan, hostname: spec.hostname)
        setCapabilities(capabilities, in: &plan)
        plan.noNewPrivileges = security.noNewPrivileges
        plan.seccomp = try filter(security, capabilities, filtersByDefault: filtersByDefault)
        // SECCOMP_FILTER_FLAG_SPEC_ALLOW: the filter does not switch speculation off, as for runc.
        plan.seccompFlags = plan.seccomp.isEmpty ? 0 : 4
        for limit in spec.resourceLimits {
            guard let number = ProcessLimitName.number(of: limit.name) else {
                throw EngineError(
                    .invalidArgument, "invalid ulimit type: \(limit.name)",
                    hint: "Known are \(ProcessLimitName.all.joined(separator: ", ")).")
            }
            plan.resourceLimits.append(ResourceLimit(resource: number, soft: limit.soft, hard: limit.hard))
        }
        plan.outOfMemoryScoreAdjustment = Int32(spec.outOfMemoryScoreAdjustment)
        plan.runInit = spec.runInit
        return plan
    }

    /// A further process, with the rights and limits of the first one.
    public static func further(
        _ process: ProcessSpec, in spec: WorkloadSpec, like first: ProcessPlan
    ) -> ProcessPlan {
        var plan = first
        plan.runInit = false
        plan.program = .arguments
        plan.additionalGroups = []
        describe(process, in: &plan, hostname: spec.hostname)
        if process.privileged { setCapabilities(.all, in: &plan) }
        return plan
    }

    /// A tool of the executor's busybox, run as root with the workload's root as its own.
    public static func helper(_ arguments: [String], like first: ProcessPlan) -> ProcessPlan {
        var plan = first
        plan.program = .helper
        plan.arguments = arguments.map { Bytes($0.utf8) }
        plan.environment = [Bytes(defaultPath.utf8)]
        plan.user = []
        plan.additionalGroups = []
        plan.workingDirectory = Bytes("/".utf8)
        plan.terminal = false
        plan.openStandardInput = true
        plan.runInit = false
        plan.seccomp = []
        plan.seccompFlags = 0
        plan.resourceLimits = []
        // Files of every owner and with every attribute must come through.
        setCapabilities(CapabilitySet.standard.union(CapabilitySet(name: "DAC_READ_SEARCH") ?? []), in: &plan)
        return plan
    }

    private static func describe(_ process: ProcessSpec, in plan: inout ProcessPlan, hostname: String) {
        plan.arguments = process.arguments.map { Bytes($0.utf8) }
        plan.environment = environment(of: process, hostname: hostname).map { Bytes($0.utf8) }
        plan.workingDirectory = Bytes((process.workingDirectory.isEmpty ? "/" : process.workingDirectory).utf8)
        plan.user = Bytes(process.user.utf8)
        plan.additionalGroups = process.additionalGroups.map { Bytes($0.utf8) }
        plan.terminal = process.terminal
        plan.rows = process.terminalSize?.rows ?? 0
        plan.columns = process.terminalSize?.columns ?? 0
        plan.openStandardInput = process.openStandardInput
    }

    /// As dockerd's `CreateDaemonEnvironment`: PATH, HOSTNAME and, with a terminal, TERM stand first, and what the user
    /// says replaces them.
    private static func environment(of process: ProcessSpec, hostname: String) -> [String] {
        var standard = [defaultPath, "HOSTNAME=\(hostname)"]
        if process.terminal { standard.append("TERM=xterm") }
        let named = Set(process.environment.map { $0.prefix { $0 != "=" } })
        return standard.filter { !named.contains($0.prefix { $0 != "=" }) }
            + process.environment.filter { $0.contains("=") }
    }

    private static func setCapabilities(_ set: CapabilitySet, in plan: inout ProcessPlan) {
        plan.boundingCapabilities = set.rawValue
        plan.permittedCapabilities = set.rawValue
        plan.inheritableCapabilities = 0
        plan.ambientCapabilities = 0
    }

    private static func filter(
        _ security: SecuritySpec, _ capabilities: CapabilitySet, filtersByDefault: Bool
    ) throws(EngineError) -> Bytes {
        switch security.seccomp {
        case .unconfined: return []
        case .standard:
            guard filtersByDefault, !security.privileged else { return [] }
            return try SeccompFilter.standard(capabilities: capabilities)
        case .profile(let json):
            guard !security.privileged else { return [] }
            return try SeccompFilter.compile(try SeccompProfile(json: json), capabilities: capabilities)
        }
    }
}

extension CapabilitySet {
    /// Docker's rules (daemon/pkg/oci/caps): `ALL` first, then what is named; a name that both lists have is added.
    init(_ security: SecuritySpec) throws(EngineError) {
        if security.privileged {
            self = .all
            return
        }
        let added = try Self.named(security.addedCapabilities, "CapAdd")
        let dropped = try Self.named(security.droppedCapabilities, "CapDrop")
        let addsAll = security.addedCapabilities.contains { $0.uppercased() == "ALL" }
        let dropsAll = security.droppedCapabilities.contains { $0.uppercased() == "ALL" }
        if addsAll {
            self = dropsAll ? .all : CapabilitySet.all.subtracting(dropped)
        } else if dropsAll {
            self = added
        } else {
            self = CapabilitySet.standard.subtracting(dropped).union(added)
        }
    }

    /// As dockerd writes names: in capital letters, with their prefix.
    private static func full(_ name: String) -> String {
        let upper = name.uppercased()
        return upper.hasPrefix("CAP_") ? upper : "CAP_\(upper)"
    }

    private static func named(_ names: [String], _ field: String) throws(EngineError) -> CapabilitySet {
        var set: CapabilitySet = []
        for name in names where name.uppercased() != "ALL" {
            guard let capability = CapabilitySet(name: name) else {
                throw EngineError(
                    .invalidArgument, "invalid \(field): unknown capability: \"\(full(name))\"",
                    hint: "capabilities(7) lists the names, for example NET_ADMIN.")
            }
            set.formUnion(capability)
        }
        return set
    }
}
