// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import SystemPackage
import Testing

@Suite("Mounts of the host")
struct MountPointTests {
    @Test("what is mounted is found")
    func mounted() {
        #expect(MountPoint.isMounted("/"))
        #expect(MountPoint.isMounted("/proc"))
        #expect(!MountPoint.isMounted("/proc/self"))
        #expect(MountPoint.targets(below: "/").contains("/"))
    }
}
