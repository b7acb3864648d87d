// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

/// One list of promises for every backend; a promise that `runc` breaks too is a wrong expectation.
@Suite(.daemon, .serialized)
struct ConformanceTests {
    @Test(arguments: [Runner.container, .vm], ConformanceCase.all)
    func seesWhatIsPromised(runner: Runner, conformance: ConformanceCase) async throws {
        try await check(runner, conformance)
    }

    @Test(arguments: ConformanceCase.all.filter { $0.notForReference == nil })
    func theReferenceAgrees(conformance: ConformanceCase) async throws {
        try await check(.runc, conformance)
    }

    private func check(_ runner: Runner, _ conformance: ConformanceCase) async throws {
        let daemon = try #require(Daemon.current)
        let result = try await runner.run(conformance, with: daemon)
        #expect(result.output == conformance.expected, "\(result.errors)")
        #expect(result.status == conformance.exitStatus)
    }
}
