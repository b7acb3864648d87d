// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel
import Testing

@Suite("System call filters and capabilities")
struct SeccompTests {
    @Test("the default profile compiles into whole instructions, and differs by capability")
    func standard() throws {
        let plain = try SeccompFilter.standard(capabilities: .standard)
        #expect(plain.count % 8 == 0)
        #expect(plain.count > 8 * 100)
        let administrator = try SeccompFilter.standard(capabilities: .all)
        #expect(plain != administrator)
    }

    @Test("profiles in Docker's form are read, with names that nobody knows left out")
    func profile() throws {
        let profile = try SeccompProfile(
            json: """
                {"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","no_such_call"],"action":"SCMP_ACT_ERRNO",
                "errnoRet":38,"args":[{"index":1,"value":1,"op":"SCMP_CMP_EQ"}]}]}
                """)
        #expect(try !SeccompFilter.compile(profile, capabilities: .standard).isEmpty)
    }

    @Test(
        "rubbish is refused with a sentence",
        arguments: [
            "", "{}", "[1]", #"{"defaultAction":"SCMP_ACT_NONSENSE"}"#,
            #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":1,"op":"X"}]}]}"#,
        ])
    func rubbish(_ json: String) {
        let error = #expect(throws: EngineError.self) {
            try SeccompFilter.compile(SeccompProfile(json: json), capabilities: .standard)
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test("Docker's default capabilities are these fourteen")
    func capabilities() {
        #expect(CapabilitySet.standard.rawValue == 0xA804_25FB)
        #expect(CapabilitySet(name: "net_admin") == CapabilitySet(name: "CAP_NET_ADMIN"))
        #expect(CapabilitySet(name: "NONSENSE") == nil)
        #expect(CapabilitySet(name: "KILL")?.names == ["CAP_KILL"])
    }
}
