// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

@testable import Networking

@Suite("Addresses")
struct AddressTests {
    private func network(_ text: String) throws -> IPNetwork { try #require(IPNetwork(text)) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("networks know what is in them, in both families")
    func networks() throws {
        let four = try network("10.1.2.200/24")
        #expect(four.description == "10.1.2.0/24")
        #expect(four.last.description == "10.1.2.255")
        #expect(four.count == 256)
        #expect(try four.contains(address("10.1.2.7")) && !four.contains(address("10.1.3.7")))
        #expect(try !four.contains(address("::a01:207")))
        #expect(try four.overlaps(network("10.0.0.0/8")) && network("10.0.0.0/8").overlaps(four))
        #expect(try !four.overlaps(network("10.1.3.0/24")))
        let six = try network("fd00::7/64")
        #expect(six.description == "fd00::/64")
        #expect(try six.contains(address("fd00::ffff")) && !six.contains(address("fd01::1")))
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "fd00::/129", "/8", ""] { #expect(IPNetwork(text) == nil) }
    }

    @Test("default subnets are Docker's, in its order, and none is given twice")
    func pools() throws {
        var taken: [IPNetwork] = []
        while let next = AddressPools.first(avoiding: taken) {
            #expect(!taken.contains { $0.overlaps(next) })
            taken.append(next)
        }
        #expect(taken.first?.description == "172.17.0.0/16")
        #expect(taken[1].description == "172.18.0.0/16")
        #expect(taken[15].description == "192.168.0.0/20")
        #expect(taken.count == 31)
    }

    @Test("a subnet that the host uses is left out")
    func hostRoutes() throws {
        let found = AddressPools.first(avoiding: [try network("172.16.0.0/14"), try network("172.20.5.0/24")])
        #expect(found?.description == "172.21.0.0/16")
    }

    @Test("every address is given once, and then none")
    func exhaustion() throws {
        var allocator = AddressAllocator(
            AddressPool(subnet: try network("10.9.0.0/29"), gateway: try address("10.9.0.1")))
        var given: Set<IPAddress> = []
        while let next = allocator.takeNext() { #expect(given.insert(next).inserted) }
        #expect(given.map(\.description).sorted() == (2...6).map { "10.9.0.\($0)" })
        allocator.release(try address("10.9.0.4"))
        #expect(allocator.takeNext()?.description == "10.9.0.4")
        #expect(allocator.takeNext() == nil)
        // The gateway's is nobody's to give back.
        allocator.release(try address("10.9.0.1"))
        #expect(allocator.takeNext() == nil)
    }

    @Test("a range bounds what is given, not what may be chosen")
    func range() throws {
        var pool = AddressPool(subnet: try network("10.9.0.0/24"), gateway: try address("10.9.0.1"))
        pool.range = try network("10.9.0.64/30")
        pool.auxiliary = ["printer": try address("10.9.0.65")]
        var allocator = AddressAllocator(pool)
        #expect(allocator.take(try address("10.9.0.200")))
        #expect(!allocator.take(try address("10.9.0.200")))
        #expect((0..<3).compactMap { _ in allocator.takeNext()?.description } == [64, 66, 67].map { "10.9.0.\($0)" })
        #expect(allocator.takeNext() == nil)
        allocator.release(try address("10.9.0.200"))
        #expect(allocator.takeNext() == nil)
        #expect(allocator.take(try address("10.9.0.200")))
    }

    @Test("IPv6 pools begin behind the gateway")
    func six() throws {
        let subnet = AddressPools.uniqueLocal()
        #expect(subnet.prefix == 64 && subnet.address.bytes[0] == 0xFD)
        var allocator = AddressAllocator(AddressPool(subnet: subnet, gateway: try #require(subnet.address(at: 1))))
        #expect(allocator.takeNext() == subnet.address(at: 2))
    }
}
