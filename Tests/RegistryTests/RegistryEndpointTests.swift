// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Registry

struct RegistryEndpointTests {
    @Test func thisMachineMayDoWithoutTLS() async {
        let found = await RegistryEndpoint.all(for: "127.0.0.1:5000", RegistrySettings(), writes: false)
        #expect(found.map(\.address) == ["https://127.0.0.1:5000", "http://127.0.0.1:5000"])
        #expect(found.map(\.trustsAnyone) == [true, true])
    }

    @Test func othersMayNotUnlessTheyAreNamed() async {
        let plain = await RegistryEndpoint.all(for: "192.0.2.7:5000", RegistrySettings(), writes: false)
        #expect(plain.map(\.address) == ["https://192.0.2.7:5000"] && !plain[0].trustsAnyone)
        for name in ["192.0.2.7:5000", "192.0.2.7", "192.0.2.0/24"] {
            let found = await RegistryEndpoint.all(
                for: "192.0.2.7:5000", RegistrySettings(insecure: [name]), writes: false)
            #expect(found.count == 2, "\(name)")
        }
        let other = await RegistryEndpoint.all(
            for: "192.0.2.7:5000", RegistrySettings(insecure: ["192.0.3.0/24"]), writes: false)
        #expect(other.count == 1)
    }

    @Test func mirrorsAreAskedFirstAndNeverWrittenTo() async {
        let settings = RegistrySettings(mirrors: ["https://mirror.example/", "http://127.0.0.1:5000"])
        let reading = await RegistryEndpoint.all(for: "docker.io", settings, writes: false)
        #expect(
            reading.map(\.address) == [
                "https://mirror.example", "http://127.0.0.1:5000", "https://registry-1.docker.io",
            ])
        let writing = await RegistryEndpoint.all(for: "docker.io", settings, writes: true)
        #expect(writing.map(\.address) == ["https://registry-1.docker.io"])
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "1.2.3.4", true),
    ])
    func networksContainAddresses(network: String, address: String, isInside: Bool) throws {
        let parts = address.split(separator: ".").compactMap { UInt32($0) }
        let number = parts.reduce(0) { $0 << 8 | $1 }
        #expect(try #require(RegistryEndpoint.Network(network)).contains(number) == isInside)
    }

    @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "a/8", "/", "10.0.0/8"])
    func whatIsNoNetworkIsNone(text: String) { #expect(RegistryEndpoint.Network(text) == nil) }
}
