// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import SystemPackage
import TandemModel

/// Device rules as an eBPF program of a v2 control group (`BPF_PROG_TYPE_CGROUP_DEVICE`, linux/bpf.h).
enum DeviceFilter {
    /// Loads and attaches the rules; everything that no rule allows is refused.
    static func attach(_ rules: [DeviceRule], to group: FilePath) throws(EngineError) {
        let program = program(for: rules)
        let loaded = program.withUnsafeBytes { tandem_load_device_program($0.baseAddress, UInt32(program.count)) }
        guard loaded >= 0 else { throw failure(group) }
        defer { close(loaded) }
        let folder = group.withPlatformString { tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0) }
        guard folder >= 0 else { throw failure(group) }
        defer { close(folder) }
        guard tandem_attach_device_program(folder, loaded) == 0 else { throw failure(group) }
    }

    private static func failure(_ group: FilePath) -> EngineError {
        EngineError(
            .unsupported,
            "device rules cannot be set for the control group '\(group)': \(String(cString: strerror(errno)))",
            hint: "The kernel needs CONFIG_CGROUP_BPF.")
    }

    /// One rule after the other: a mismatch jumps to the next one, a match returns 1; the end returns 0.
    ///
    /// The context in r1 is `{ u32 access_type (access << 16 | type); u32 major; u32 minor; }`.
    static func program(for rules: [DeviceRule]) -> [UInt64] {
        var program: [UInt64] = [
            instruction(0x61, to: 2, from: 1, offset: 0),  // r2 = access_type
            instruction(0xBC, to: 3, from: 2),  // r3 = type
            instruction(0x54, to: 3, immediate: 0xFFFF),
            instruction(0x74, to: 2, immediate: 16),  // r2 = access
            instruction(0x61, to: 4, from: 1, offset: 4),  // r4 = major
            instruction(0x61, to: 5, from: 1, offset: 8),  // r5 = minor
        ]
        for rule in rules {
            var tests: [(code: UInt8, register: UInt8, value: Int32)] = []
            if rule.type != "a" { tests.append((0x55, 3, rule.type == "b" ? 1 : 2)) }
            if let major = rule.major { tests.append((0x55, 4, Int32(bitPattern: major))) }
            if let minor = rule.minor { tests.append((0x55, 5, Int32(bitPattern: minor))) }
            var body: [UInt64] = []
            // All wanted access bits must be among the rule's: (access & ~rule) == 0.
            let mask = accessMask(rule.access)
            body.append(instruction(0xBC, to: 1, from: 2))  // r1 = access; the context is not needed any more
            body.append(instruction(0x54, to: 1, immediate: ~mask & 7))
            body.append(instruction(0x55, to: 1, offset: 2, immediate: 0))
            body.append(instruction(0xB4, to: 0, immediate: 1))
            body.append(instruction(0x95))
            for (index, test) in tests.enumerated() {
                let distance = tests.count - index - 1 + body.count
                program.append(
                    instruction(test.code, to: test.register, offset: Int16(distance), immediate: test.value))
            }
            program += body
        }
        program.append(instruction(0xB4, to: 0, immediate: 0))
        program.append(instruction(0x95))
        return program
    }

    /// `BPF_DEVCG_ACC_MKNOD` 1, `_READ` 2, `_WRITE` 4.
    private static func accessMask(_ access: String) -> Int32 {
        (access.contains("m") ? 1 : 0) | (access.contains("r") ? 2 : 0) | (access.contains("w") ? 4 : 0)
    }

    /// `struct bpf_insn`: code u8, destination and source register in four bits each, offset s16, immediate s32.
    private static func instruction(
        _ code: UInt8, to: UInt8 = 0, from: UInt8 = 0, offset: Int16 = 0, immediate: Int32 = 0
    ) -> UInt64 {
        UInt64(code) | UInt64(to | from << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: immediate)) << 32
    }
}
