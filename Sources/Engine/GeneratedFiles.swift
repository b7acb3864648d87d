// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LaunchProtocol
import Networking
import TandemModel

/// The files that every workload gets, whatever its image has.
enum GeneratedFiles {
    /// What the files say of a workload's networks.
    struct NetworkView {
        /// Its own addresses, behind which its name stands.
        var addresses: [IPAddress] = []
        /// The name servers of its networks; empty where it asks the host's.
        var nameServers: [IPAddress] = []
        /// Whether it has a network of its own, in which 127.0.0.1 is not the host.
        var isPrivate = false
        /// What `host-gateway` means.
        var hostGateway: IPAddress?
        /// The name of the network's owner, where that is another workload.
        var hostname: String?
    }

    /// What changes in the files of a workload that runs.
    static func changes(for spec: WorkloadSpec, from old: NetworkView, to new: NetworkView) -> [LineChange] {
        let gone = old.addresses.filter { !new.addresses.contains($0) }
        let come = new.addresses.filter { !old.addresses.contains($0) }
        let names = names(for: spec, new)
        let path = Bytes("/etc/hosts".utf8)
        let hosts =
            gone.map { LineChange(path: path, old: Bytes("\($0)\t\(names)\n".utf8), new: []) }
            + come.map { LineChange(path: path, old: [], new: Bytes("\($0)\t\(names)\n".utf8)) }
        return hosts + [
            LineChange(
                path: Bytes("/etc/resolv.conf".utf8), old: Bytes(resolver(for: spec.resolver, old).utf8),
                new: Bytes(resolver(for: spec.resolver, new).utf8))
        ]
    }

    static func make(for spec: WorkloadSpec, _ network: NetworkView) -> [FileContent] {
        [
            // By this, programs know that they have been started by a container engine.
            FileContent(path: Bytes("/.dockerenv".utf8), mode: 0o755, content: []),
            file("/etc/hostname", spec.hostname + "\n"), file("/etc/hosts", hosts(for: spec, network)),
            file("/etc/resolv.conf", resolver(for: spec.resolver, network)),
        ]
    }

    private static func file(_ path: String, _ content: String) -> FileContent {
        FileContent(path: Bytes(path.utf8), mode: 0o644, content: Bytes(content.utf8))
    }

    private static func hosts(for spec: WorkloadSpec, _ network: NetworkView) -> String {
        var lines = [
            "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", "fe00::\tip6-localnet",
            "ff00::\tip6-mcastprefix",
            "ff02::1\tip6-allnodes", "ff02::2\tip6-allrouters",
        ]
        for entry in spec.extraHosts {
            // The address may have colons itself.
            guard let colon = entry.firstIndex(of: ":") else { continue }
            var address = String(entry[entry.index(after: colon)...])
            if address == "host-gateway" { address = network.hostGateway?.description ?? "127.0.0.1" }
            lines.append("\(address)\t\(entry[..<colon])")
        }
        let names = names(for: spec, network)
        for address in network.addresses { lines.append("\(address)\t\(names)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func names(for spec: WorkloadSpec, _ network: NetworkView) -> String {
        let own = network.hostname ?? spec.hostname
        return spec.domainname.isEmpty ? own : "\(own).\(spec.domainname) \(own)"
    }

    /// What the user says, and the rest as the host has it; in the order of libnetwork's resolvconf.
    private static func resolver(for spec: ResolverSpec, _ network: NetworkView) -> String {
        // A host without the file resolves nothing either.
        let host = (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? ""
        guard spec != ResolverSpec() || network.isPrivate else { return host }
        let lines = host.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        let found = { (names: [String]) in lines.filter { names.contains($0.first ?? "") } }
        let domains =
            spec.searchDomains.isEmpty
            ? found(["search", "domain"]).last.map { Array($0.dropFirst()) } ?? [] : spec.searchDomains
        // The networks' servers refuse what they do not know, and resolvers ask the next one.
        var servers = network.nameServers.map(\.description)
        servers +=
            spec.nameServers.isEmpty
            ? hostServers(found(["nameserver"]).compactMap { $0.dropFirst().first }, network) : spec.nameServers
        var options = spec.options.isEmpty ? found(["options"]).flatMap { $0.dropFirst() } : spec.options
        // As dockerd: names of workloads have no dots, nor do they want a domain.
        if !network.nameServers.isEmpty, !options.contains(where: { $0.hasPrefix("ndots:") }) {
            options.append("ndots:0")
        }
        var result: [String] = []
        if !domains.isEmpty && domains != ["."] { result.append("search " + domains.joined(separator: " ")) }
        result += servers.map { "nameserver \($0)" }
        if !options.isEmpty { result.append("options " + options.joined(separator: " ")) }
        return result.map { $0 + "\n" }.joined()
    }

    /// The host's name servers, as far as a network of one's own reaches them; else those that dockerd takes.
    private static func hostServers(_ servers: [String], _ network: NetworkView) -> [String] {
        guard network.isPrivate else { return servers }
        let reachable = HostResolver.servers.map(\.description)
        // The networks' own servers pass questions on then.
        if reachable.isEmpty && !network.nameServers.isEmpty { return [] }
        return reachable.isEmpty ? ["8.8.8.8", "8.8.4.4"] : reachable
    }
}
