// SPDX-License-Identifier: Apache-2.0

import Client
import Testing

@testable import Benchmark

@Suite("Servers of a case")
struct ServerTests {
    @Test("the places of the address and of ports are filled in")
    func address() {
        var address = ServerAddress()
        #expect(address.put(into: "{server}:{port 80}/{port 53/udp}") == "127.0.0.1:80/53")
        address.host = "172.17.0.1"
        address.ports = ["80/tcp": "32768", "53/udp": "32769"]
        #expect(address.put(into: "-c {server} -p {port 80}") == "-c 172.17.0.1 -p 32768")
        #expect(address.put(into: "{port 53/udp} {port 53}") == "32769 53")
        #expect(address.put(into: "{} {portal 80}") == "{} {portal 80}")
    }

    @Test("the ports that are published are those that the commands name, once each")
    func ports() {
        var suiteCase = SuiteCase(name: "one", title: "One")
        suiteCase.setup = ["wait {port 80}"]
        suiteCase.command = ["ask", "{server}", "{port 80}", "{port 53/udp}"]
        #expect(suiteCase.serverPorts == ["80/tcp", "53/udp"])
    }

    @Test("a server's address is put into every command")
    func commands() async throws {
        let workload = ServedWorkload(client: Echo(), server: nil, address: ServerAddress(host: "10.0.0.2"))
        let result = try await workload.execute(["ask", "{server}"])
        #expect(String(decoding: result.output, as: UTF8.self) == "ask 10.0.0.2")
    }

    private struct Echo: HeldWorkload {
        func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
            ProcessResult(
                output: Array(command.joined(separator: " ").utf8), errors: [], code: 0, duration: .zero)
        }
        func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] { [:] }
        func stop() async throws(BenchmarkError) -> Double? { nil }
        func release() async {}
    }
}

@Suite("What a probe finds")
struct IsolationProbeTests {
    @Test(
        "who answers system calls is told by the kernel's boot",
        arguments: [("abc", "the host's kernel"), ("xyz", "a kernel of its own"), ("", "unknown")])
    func boot(seen: String, words: String) {
        let output = Array("kernel\t6.1\nno finding\nboot\t\(seen)\n".utf8)
        let facts = IsolationProbe.facts(output, "probe", "vm", hostBoot: "abc")
        #expect(facts.map(\.topic) == ["kernel", "system calls are answered by"])
        #expect(facts.map(\.finding) == ["6.1", words])
    }
}
