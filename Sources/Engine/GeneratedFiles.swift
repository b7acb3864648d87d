// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LaunchProtocol
import TandemModel

/// The files that every workload gets, whatever its image has.
enum GeneratedFiles {
    static func make(for spec: WorkloadSpec) -> [FileContent] {
        [
            // By this, programs know that they have been started by a container engine.
            FileContent(path: Bytes("/.dockerenv".utf8), mode: 0o755, content: []),
            file("/etc/hostname", spec.hostname + "\n"), file("/etc/hosts", hosts(for: spec)),
            file("/etc/resolv.conf", resolver(for: spec.resolver)),
        ]
    }

    private static func file(_ path: String, _ content: String) -> FileContent {
        FileContent(path: Bytes(path.utf8), mode: 0o644, content: Bytes(content.utf8))
    }

    private static func hosts(for spec: WorkloadSpec) -> String {
        var lines = [
            "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", "fe00::\tip6-localnet",
            "ff00::\tip6-mcastprefix",
            "ff02::1\tip6-allnodes", "ff02::2\tip6-allrouters",
        ]
        for entry in spec.extraHosts {
            // The address may have colons itself.
            guard let colon = entry.firstIndex(of: ":") else { continue }
            lines.append("\(entry[entry.index(after: colon)...])\t\(entry[..<colon])")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the user says, and the rest as the host has it; in the order of libnetwork's resolvconf.
    private static func resolver(for spec: ResolverSpec) -> String {
        // A host without the file resolves nothing either.
        let host = (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? ""
        guard spec != ResolverSpec() else { return host }
        let lines = host.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        let found = { (names: [String]) in lines.filter { names.contains($0.first ?? "") } }
        let domains =
            spec.searchDomains.isEmpty
            ? found(["search", "domain"]).last.map { Array($0.dropFirst()) } ?? [] : spec.searchDomains
        let servers =
            spec.nameServers.isEmpty
            ? found(["nameserver"]).compactMap { $0.dropFirst().first } : spec.nameServers
        let options = spec.options.isEmpty ? found(["options"]).flatMap { $0.dropFirst() } : spec.options
        var result: [String] = []
        if !domains.isEmpty && domains != ["."] { result.append("search " + domains.joined(separator: " ")) }
        result += servers.map { "nameserver \($0)" }
        if !options.isEmpty { result.append("options " + options.joined(separator: " ")) }
        return result.map { $0 + "\n" }.joined()
    }
}
