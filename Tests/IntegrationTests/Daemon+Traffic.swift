// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Traffic between a daemon's workloads and its host.
extension Daemon {
    private static let server = "echo \"$0\" > /index.html; exec httpd -f -p 80"

    /// Starts a web server that says its own name.
    func serve(_ kind: Kind, _ name: String, _ flags: [String] = []) async throws {
        let command = ["run", "-d", "--name", name] + kind.flags + flags + ["busybox", "sh", "-c", Self.server, name]
        let started = try await tandem(command)
        #expect(started.status == 0, "\(started.errors)")
    }

    /// Runs `tandem`, which has to succeed.
    @discardableResult
    func succeed(_ arguments: String...) async throws -> Program.Result {
        let result = try await tandem(arguments)
        #expect(result.status == 0, "tandem \(arguments.joined(separator: " ")): \(result.errors)")
        return result
    }

    func removeWorkloads(_ names: String...) async throws {
        let removed = try await tandem(["rm", "-f", "-v"] + names)
        #expect(removed.status == 0, "\(removed.errors)")
    }

    func address(of name: String, on network: String = "bridge", key: String = "IPAddress") async throws -> String {
        let document = try JSONSerialization.jsonObject(with: Data(try await tandem("inspect", name).output.utf8))
        let settings = ((document as? [[String: Any]])?.first?["NetworkSettings"] as? [String: Any])?["Networks"]
        let endpoint = (settings as? [String: [String: Any]])?[network]
        return endpoint?[key] as? String ?? ""
    }

    /// What a workload gets from a web server, once there is one.
    func fetch(_ host: String, from name: String) async throws -> String {
        let script = "for i in $(seq 50); do wget -q -O - http://$0/ && exit; sleep 0.1; done"
        return try await tandem("exec", name, "sh", "-c", script, host).trimmed
    }

    /// The same from the daemon's host.
    func fetchOnHost(_ host: String) async throws -> String {
        let script = "for i in $(seq 50); do busybox wget -q -O - http://$0/ && exit; busybox sleep 0.1; done"
        return try await onHost("/bin/busybox", "sh", "-c", script, host).trimmed
    }

    /// Whether a packet gets no answer in a second; traffic that must not arrive.
    func isCutOff(_ host: String, from name: String) async throws -> Bool {
        try await tandem("exec", name, "timeout", "1", "wget", "-q", "-O", "-", "http://\(host)/").status != 0
    }

    /// What a command in a workload writes.
    func output(in name: String, _ command: String...) async throws -> String {
        try await tandem(["exec", name] + command).trimmed
    }
}
