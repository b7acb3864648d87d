// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@Suite("Memory of processes")
struct ProcessMemoryTests {
    @Test("every mapping counts, however many pages the kernel writes about them")
    func mappings() {
        let size = 32 << 20
        let before = ProcessMemory(of: getpid())
        let file = memfd_create("tandem-memory-test", UInt32(MFD_CLOEXEC))
        defer { close(file) }
        #expect(ftruncate(file, size) == 0)
        // Neighbours differ in their rights, so that each is a mapping of its own with some fifty lines.
        let many = (0..<300).map {
            mmap(nil, 4_096, $0 % 2 == 0 ? PROT_READ : PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        }
        let memory = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
        defer {
            munmap(memory, size)
            for page in many { munmap(page, 4_096) }
        }
        if let memory { memset(memory, 1, size) }
        let after = ProcessMemory(of: getpid(), mapping: "/memfd:tandem-memory-test")
        #expect(after.mapping == UInt64(size))
        // Other tests run in this process at the same time: the bounds are wide.
        #expect(after.proportional > after.mapping && after.resident > after.mapping)
        #expect(after.pageTables >= UInt64(size) / 512 && after.threads > 0)
        #expect(before.mapping == 0 && before.proportional > 0)
    }

    @Test("a process that has ended has nothing")
    func ended() {
        let memory = ProcessMemory(of: .max)
        #expect(memory.proportional == 0 && memory.threads == 0 && ProcessTime.used(by: .max) == 0)
    }
}
