// SPDX-License-Identifier: Apache-2.0

import CLibseccomp
import CLinux
import Glibc
import Synchronization
public import TandemModel

/// Compiles profiles into the kernel's form by libseccomp.
public enum SeccompFilter {
    private static let compiledStandard = Mutex<[CapabilitySet: [UInt8]]>([:])

    /// Docker's default profile for a workload with these capabilities; compiled once for each set.
    public static func standard(capabilities: CapabilitySet) throws(EngineError) -> [UInt8] {
        if let known = compiledStandard.withLock({ $0[capabilities] }) { return known }
        let filter = try compile(.standard, capabilities: capabilities)
        compiledStandard.withLock { $0[capabilities] = filter }
        return filter
    }

    /// A profile as a classic BPF program: an array of `struct sock_filter`, eight bytes each.
    ///
    /// - Throws: `.invalidArgument` for an unknown action or comparison, or rules that contradict each other.
    public static func compile(
        _ profile: SeccompProfile, capabilities: CapabilitySet
    ) throws(EngineError) -> [UInt8] {
        let fallback = try action(profile.defaultAction, errno: profile.defaultErrnoRet)
        guard let context = seccomp_init(fallback) else {
            throw EngineError(.internal, "libseccomp cannot make a filter")
        }
        defer { seccomp_release(context) }
        #if arch(x86_64)
            for architecture in [SCMP_ARCH_X86, SCMP_ARCH_X32] { seccomp_arch_add(context, UInt32(architecture)) }
        #endif
        // A binary tree instead of a list: fewer steps for each system call.
        seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2)
        let kernel = HostInformation.kernelVersion
        for rule in profile.syscalls ?? [] where rule.applies(to: capabilities, kernel: kernel) {
            try add(rule, to: context, unlessEqual: fallback)
        }
        return try export(context)
    }

    private static func add(
        _ rule: SeccompProfile.Rule, to context: scmp_filter_ctx, unlessEqual fallback: UInt32
    ) throws(EngineError) {
        let effect = try action(rule.action, errno: rule.errnoRet)
        // libseccomp refuses a rule that says what holds anyway.
        guard effect != fallback else { return }
        var arguments: [scmp_arg_cmp] = []
        for argument in rule.args ?? [] {
            guard let comparison = comparisons[argument.op] else {
                throw EngineError(.invalidArgument, "the seccomp profile has an unknown comparison '\(argument.op)'")
            }
            arguments.append(
                scmp_arg_cmp(
                    arg: argument.index, op: comparison, datum_a: argument.value, datum_b: argument.valueTwo ?? 0))
        }
        for name in (rule.names ?? []) + (rule.name.map { [$0] } ?? []) {
            let number = seccomp_syscall_resolve_name(name)
            // As Docker: a call that this library does not know stays under the default action.
            guard number != __NR_SCMP_ERROR else { continue }
            let result = seccomp_rule_add_array(context, effect, number, UInt32(arguments.count), arguments)
            guard result == 0 || result == -EEXIST || result == -EDOM else {
                throw EngineError(
                    .invalidArgument,
                    "the seccomp profile's rule for '\(name)' is refused: \(String(cString: strerror(-result)))")
            }
        }
    }

    private static let comparisons: [String: scmp_compare] = [
        "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE, "SCMP_CMP_EQ": SCMP_CMP_EQ,
        "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT, "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
    ]

    /// seccomp.h's `SCMP_ACT_…`; EPERM unless the profile names an error.
    private static func action(_ name: String, errno number: UInt32?) throws(EngineError) -> UInt32 {
        switch name {
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
        case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
        case "SCMP_ACT_TRAP": return 0x0003_0000
        case "SCMP_ACT_ERRNO": return 0x0005_0000 | ((number ?? UInt32(EPERM)) & 0xFFFF)
        case "SCMP_ACT_TRACE": return 0x7FF0_0000 | ((number ?? UInt32(EPERM)) & 0xFFFF)
        case "SCMP_ACT_LOG": return 0x7FFC_0000
        case "SCMP_ACT_ALLOW": return 0x7FFF_0000
        default:
            throw EngineError(
                .invalidArgument, "the seccomp profile has an unknown action '\(name)'",
                hint: "Actions are SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _LOG, _TRACE and _TRAP.")
        }
    }

    private static func export(_ context: scmp_filter_ctx) throws(EngineError) -> [UInt8] {
        let file = tandem_memory_file("seccomp")
        defer { if file >= 0 { close(file) } }
        guard file >= 0, seccomp_export_bpf(context, file) == 0 else {
            throw EngineError(.internal, "libseccomp cannot compile the filter")
        }
        let size = Int(lseek(file, 0, SEEK_END))
        var program = [UInt8](repeating: 0, count: size)
        guard size > 0, size / 8 <= 4_096, pread(file, &program, size, 0) == size else {
            throw EngineError(
                .invalidArgument, "the seccomp profile is too long for the kernel",
                hint: "A filter may have 4,096 instructions.")
        }
        return program
    }
}
