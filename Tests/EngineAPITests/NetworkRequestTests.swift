// SPDX-License-Identifier: Apache-2.0

import APIModel
import OCI
import TandemModel
import Testing

@testable import EngineAPI

@Suite("What clients may ask of networks")
struct NetworkRequestTests {
    private func ports(_ body: JSONValue) throws -> (exposed: [String], published: [PortSpec]) {
        let request = PortRequest(body: body, host: body["HostConfig"], image: ImageConfiguration.Defaults())
        return (try request.exposed(), try request.published())
    }

    private func endpoints(_ body: JSONValue) throws -> (mode: NetworkMode, endpoints: [EndpointSpec]) {
        let request = EndpointRequest(body: body, host: body["HostConfig"], joined: [:])
        let mode = try request.mode()
        return (mode, try request.endpoints(for: mode))
    }

    @Test("bindings are read with their ranges, addresses and protocols")
    func bindings() throws {
        let found = try ports([
            "ExposedPorts": ["53/udp": [:]],
            "HostConfig": [
                "PortBindings": [
                    "80/tcp": [["HostIp": "127.0.0.1", "HostPort": "8080-8082"], ["HostPort": ""]], "90": nil,
                ]
            ],
        ])
        #expect(found.exposed == ["53/udp", "80/tcp", "90/tcp"])
        #expect(found.published.map(\.name) == ["80/tcp", "80/tcp", "90/tcp"])
        #expect(found.published[0].hostPorts == 8080...8082)
        #expect(found.published[0].hostAddress == IPAddress("127.0.0.1"))
        #expect(found.published[1].hostPorts == nil && found.published[2].hostPorts == nil)
    }

    @Test(
        "what is no port is refused",
        arguments: [
            ["x": [["HostPort": "1"]]], ["80/icmp": nil], ["0": nil], ["80": [["HostPort": "99999"]]],
            ["80": [["HostIp": "here"]]], ["80/tcp/x": nil],
        ] as [JSONValue])
    func badPorts(_ bindings: JSONValue) {
        #expect(throws: EngineError.self) { try ports(["HostConfig": ["PortBindings": bindings]]) }
    }

    @Test("the network of the mode comes first, with what is said of it")
    func order() throws {
        let found = try endpoints([
            "MacAddress": "02:42:AC:11:00:07", "HostConfig": ["NetworkMode": "web"],
            "NetworkingConfig": [
                "EndpointsConfig": [
                    "aaa": [:], "web": ["Aliases": ["shop"], "IPAMConfig": ["IPv4Address": "10.1.0.7"]],
                ]
            ],
        ])
        #expect(found.mode == .network("web"))
        #expect(found.endpoints.map(\.network) == ["web", "aaa"])
        #expect(found.endpoints[0].aliases == ["shop"])
        #expect(found.endpoints[0].addresses == [try #require(IPAddress("10.1.0.7"))])
        #expect(found.endpoints[0].hardwareAddress == "02:42:ac:11:00:07")
    }

    @Test("no word is the default network")
    func defaults() throws {
        #expect(try endpoints([:]).endpoints.map(\.network) == ["bridge"])
        #expect(try endpoints(["HostConfig": ["NetworkMode": "default"]]).mode == .network("bridge"))
        #expect(try endpoints(["HostConfig": ["NetworkMode": "none"]]).endpoints.isEmpty)
    }

    @Test(
        "what contradicts itself is refused",
        arguments: [
            ["HostConfig": ["NetworkMode": "host"], "NetworkingConfig": ["EndpointsConfig": ["web": [:]]]],
            ["NetworkingConfig": ["EndpointsConfig": ["host": [:]]]],
            ["NetworkingConfig": ["EndpointsConfig": ["bridge": ["Links": ["a:b"]]]]],
            ["NetworkingConfig": ["EndpointsConfig": ["bridge": ["IPAMConfig": ["IPv4Address": "::1"]]]]],
            ["MacAddress": "01:00:00:00:00:01"], ["HostConfig": ["NetworkMode": "container:nobody"]],
        ] as [JSONValue])
    func contradictions(_ body: JSONValue) { #expect(throws: EngineError.self) { try endpoints(body) } }
}
