// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LaunchProtocol
import TandemModel

/// The files that every workload gets, whatever its image has.
enum GeneratedFiles {
    static func make(for spec: WorkloadSpec) -> [FileContent] {
        [
            file("/etc/hostname", spec.hostname + "\n"), file("/etc/hosts", hosts(for: spec)),
            file("/etc/resolv.conf", nameServers),
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

    /// As the host has them.
    private static var nameServers: String {
        // A host without the file resolves nothing either.
        (try? String(contentsOfFile: "/etc/resolv.conf", encoding: .utf8)) ?? ""
    }
}
