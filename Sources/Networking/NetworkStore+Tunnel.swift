// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Netlink
import TandemModel

extension NetworkStore {
    /// The tunnel's link of a network of the vxlan driver.
    static func tunnelName(_ record: NetworkRecord) -> String { "vx-\(record.id.prefix(12))" }

    /// Joins a network's bridge with those of the other hosts that it names.
    func makeTunnel(
        _ record: NetworkRecord, bridge: UInt32, _ socket: borrowing NetlinkSocket
    ) throws(NetlinkFailure) {
        var link = NewLink(name: Array(Self.tunnelName(record).utf8))
        link.group = scope.group
        link.master = bridge
        let local = record.options["vxlan.local"].flatMap { IPAddress($0) }
        try socket.perform(
            .makeVXLAN(
                link, identifier: UInt32(record.options["vxlan.id"] ?? "") ?? 0,
                port: UInt16(record.options["vxlan.port"] ?? "") ?? 4789, local: local?.bytes ?? []))
        guard let made = try socket.link(named: link.name) else { throw NetlinkFailure(errno: ENODEV) }
        let peers = ((try? Self.peers(of: record)) ?? [])  // checked when the network was made
        try socket.perform(peers.map { NetlinkMessage.floodTo($0.bytes, over: made.index) })
    }

    /// The other hosts: those of the option, and those of a file, one a line.
    static func peers(of record: NetworkRecord) throws(EngineError) -> [IPAddress] {
        var words = (record.options["vxlan.peers"] ?? "").split(whereSeparator: { ", ".contains($0) }).map(String.init)
        if let path = record.options["vxlan.peers-file"] {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {  // missing, or no text
                throw EngineError(
                    .invalidArgument, "the file of peers '\(path)' cannot be read", hint: "Give one address a line.")
            }
            words += text.split(separator: "\n").map { String($0.prefix { $0 != "#" }.filter { !$0.isWhitespace }) }
        }
        return try addresses(words.filter { !$0.isEmpty }, "peer")
    }

    /// Name servers of the other hosts, at their own addresses in the network.
    static func remoteNameServers(of record: NetworkRecord) throws(EngineError) -> [IPAddress] {
        let text = record.options["vxlan.name-servers"] ?? ""
        return try addresses(text.split(whereSeparator: { ", ".contains($0) }).map(String.init), "name server")
    }

    private static func addresses(_ words: [String], _ what: String) throws(EngineError) -> [IPAddress] {
        var result: [IPAddress] = []
        for word in words {
            guard let address = IPAddress(word) else {
                throw EngineError(
                    .invalidArgument, "the \(what) '\(word)' of the network is no address",
                    hint: "For example -o vxlan.peers=192.0.2.7,192.0.2.8.")
            }
            result.append(address)
        }
        return result
    }

    /// - Throws: What a tunnel's options lack.
    static func checkTunnel(_ record: NetworkRecord) throws(EngineError) {
        guard let text = record.options["vxlan.id"], let number = UInt32(text), number < 1 << 24 else {
            throw EngineError(
                .invalidArgument, "a vxlan network needs a number that all of its hosts share",
                hint: "Add -o vxlan.id=42, and its peers: -o vxlan.peers=192.0.2.7,192.0.2.8.")
        }
        if let text = record.options["vxlan.port"], UInt16(text) == nil {
            throw EngineError(.invalidArgument, "'\(text)' is no port", hint: "The usual one is 4789.")
        }
        if let text = record.options["vxlan.local"] { _ = try addresses([text], "local address") }
        _ = try peers(of: record)
        _ = try remoteNameServers(of: record)
    }
}
