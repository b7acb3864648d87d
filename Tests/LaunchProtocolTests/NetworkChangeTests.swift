// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import Testing

struct NetworkChangeTests {
    private func applied(_ old: String, _ new: String, to content: String) -> String? {
        let change = LineChange(path: [], old: Bytes(old.utf8), new: Bytes(new.utf8))
        return change.applied(to: Bytes(content.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func linesAreAddedAtTheEnd() {
        #expect(applied("", "b\n", to: "a\n") == "a\nb\n")
        #expect(applied("", "b\n", to: "a") == "a\nb\n", "also behind a line without an end")
        #expect(applied("", "b\n", to: "") == "b\n")
    }

    @Test func linesGiveWayWhereTheyStand() {
        #expect(applied("b\n", "", to: "a\nb\nc\n") == "a\nc\n")
        #expect(applied("a\nb\n", "x\n", to: "a\nb\nmine\n") == "x\nmine\n")
        #expect(applied("1.1.1.1\tx\n", "", to: "11.1.1.1\tx\n1.1.1.1\tx\n") == "11.1.1.1\tx\n", "whole lines only")
    }

    @Test func whatTheWorkloadHasChangedStays() {
        #expect(applied("b\n", "c\n", to: "a\n") == nil)
        #expect(applied("b\n", "b\n", to: "b\n") == nil)
        #expect(applied("long\n", "", to: "a") == nil)
    }

    @Test func aChangeSurvivesItsMessage() throws {
        var change = NetworkChange()
        var interface = NetworkInterface(name: Bytes("eth1".utf8), hardwareAddress: [2, 0x42, 0, 0, 0, 1])
        interface.routes = [InterfaceRoute(gateway: [10, 0, 0, 1])]
        change.interfaces = [interface]
        change.files = [LineChange(path: Bytes("/etc/hosts".utf8), old: [], new: Bytes("a\n".utf8))]
        let message = change.encoded()
        #expect(try NetworkChange(decoding: message) == change)
        for length in 0..<message.count {
            #expect(throws: DecodingFailure.self) { try NetworkChange(decoding: Bytes(message.prefix(length))) }
        }
    }
}
