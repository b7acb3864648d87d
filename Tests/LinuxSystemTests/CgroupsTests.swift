// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import Testing

@testable import LinuxSystem

@Suite("Control groups")
struct CgroupsTests {
    @Test("v1 hierarchies are found beside an empty v2 one")
    func hybrid() {
        let found = Cgroups.parse(
            mountInformation: """
                25 20 0:22 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
                26 20 0:23 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:3 - cgroup cgroup rw,cpu,cpuacct
                27 20 0:24 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
                28 20 0:25 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
                """)
        #expect(found.legacy.keys.sorted() == ["cpu", "cpuacct", "memory"])
        #expect(found.legacy["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct")
        #expect(found.unified == "/sys/fs/cgroup/unified")
    }

    @Test("a v2 host has no v1 hierarchies, and rubbish has nothing")
    func unified() {
        let found = Cgroups.parse(mountInformation: "25 20 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\nrubbish")
        #expect(found.legacy.isEmpty)
        #expect(found.unified == "/sys/fs/cgroup")
    }

    /// Runs a device program as the kernel would (linux/bpf.h), for the instructions that it is made of.
    private func allows(_ program: [UInt64], type: UInt32, access: UInt32, major: UInt32, minor: UInt32) -> Bool {
        var registers = [UInt64](repeating: 0, count: 11)
        let context: [UInt32] = [access << 16 | type, major, minor]
        var counter = 0
        while counter < program.count {
            let instruction = program[counter]
            let code = UInt8(truncatingIfNeeded: instruction)
            let to = Int(instruction >> 8 & 15)
            let from = Int(instruction >> 12 & 15)
            let offset = Int(Int16(truncatingIfNeeded: instruction >> 16))
            let immediate = UInt32(truncatingIfNeeded: instruction >> 32)
            counter += 1
            switch code {
            case 0x61: registers[to] = UInt64(context[offset / 4])
            case 0xBC: registers[to] = registers[from] & 0xFFFF_FFFF
            case 0x54: registers[to] &= UInt64(immediate)
            case 0x74: registers[to] = (registers[to] & 0xFFFF_FFFF) >> UInt64(immediate)
            case 0xB4: registers[to] = UInt64(immediate)
            case 0x55: if registers[to] != UInt64(immediate) { counter += offset }
            case 0x95: return registers[0] == 1
            default: Issue.record("unknown instruction \(code)")
            }
        }
        return false
    }

    @Test("the device program allows what the rules say, and nothing else")
    func devices() {
        let program = DeviceFilter.program(for: DeviceRule.standard)
        // Type 2 is a character device, 1 a block device; access 1 makes nodes, 2 reads, 4 writes.
        #expect(allows(program, type: 2, access: 6, major: 1, minor: 3))
        #expect(allows(program, type: 2, access: 6, major: 136, minor: 12))
        #expect(allows(program, type: 1, access: 1, major: 8, minor: 0))
        #expect(!allows(program, type: 1, access: 2, major: 8, minor: 0))
        #expect(!allows(program, type: 2, access: 2, major: 1, minor: 1))
        #expect(!allows(program, type: 2, access: 3, major: 10, minor: 200))
    }
}
