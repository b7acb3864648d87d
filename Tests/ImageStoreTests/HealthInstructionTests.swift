// SPDX-License-Identifier: Apache-2.0

import OCI
import TandemModel
import Testing

@testable import ImageStore

@Suite("HEALTHCHECK")
struct HealthInstructionTests {
    @Test("options and both forms of the command are read")
    func forms() throws {
        let line = try HealthInstruction.parse("--interval=1m30s --retries=5 CMD wget -q localhost || exit 1")
        #expect(line.test == ["CMD-SHELL", "wget -q localhost || exit 1"])
        #expect(line.interval == 90_000_000_000)
        #expect(line.retries == 5)
        #expect(line.timeout == nil)
        #expect(try HealthInstruction.parse(#"CMD ["a", "b"]"#).test == ["CMD", "a", "b"])
        #expect(try HealthInstruction.parse("none").test == ["NONE"])
    }

    @Test(
        "anything else is refused",
        arguments: ["", "CMD", "NONE x", "SOMETIMES x", "--interval=x CMD a", "--retries=-1 CMD a", "--often CMD a"])
    func bad(_ text: String) {
        let error = #expect(throws: EngineError.self) { try HealthInstruction.parse(text) }
        #expect(error?.code == .invalidArgument)
    }
}
