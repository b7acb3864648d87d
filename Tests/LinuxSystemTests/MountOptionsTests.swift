// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import Testing

@Suite("Options of mounts")
struct MountOptionsTests {
    @Test("words of mount(8) become flags, what only the file system knows stays text")
    func flags() {
        let options = MountOptions("ro,noexec,size=4m,uid=1000,nosuid,suid")
        #expect(options.flags == UInt(MS_RDONLY | MS_NOEXEC))
        #expect(options.data == ["size=4m", "uid=1000"])
        #expect(options.isReadOnly && !options.isBind)
    }

    @Test("binds and their propagation are told apart from flags")
    func binds() {
        let options = MountOptions("rbind,rslave,defaults")
        #expect(options.isBind)
        #expect(options.flags == UInt(MS_BIND | MS_REC))
        #expect(options.propagation == UInt(MS_SLAVE | MS_REC))
    }

    @Test func nothingIsNothing() { #expect(MountOptions("") == MountOptions("defaults")) }
}
