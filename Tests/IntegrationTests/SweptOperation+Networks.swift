// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// What the fault tests do with networks.
extension SweptOperation {
    /// A network of its own, a port of the host, a name.
    static let publish = SweptOperation("run -p", prepare: makeNetwork) { daemon in
        try await daemon.inTime(
            "run", "-d", "--name", "swept", "--network", "swept", "-p", "8099:80", "busybox", "sh", "-c", script)
    } verify: { daemon in
        try await daemon.expect("exec", "swept", "ping", "-c", "1", "-W", "2", "swept")
        #expect(try await daemon.inTime("port", "swept").trimmed == "80/tcp -> 0.0.0.0:8099")
    } clean: { daemon in
        try await expectInterfacesAsRecorded(daemon)
        try await removeContainer(daemon)
        try await removeSweptNetwork(daemon)
    }

    private static func makeNetwork(_ daemon: Daemon) async throws {
        try await daemon.expect("network", "create", "swept")
    }

    static let createNetwork = SweptOperation("network create") { daemon in
        try await daemon.inTime("network", "create", "swept")
    } verify: { daemon in
        try await daemon.expect("run", "--rm", "--network", "swept", "busybox", "true")
    } clean: { daemon in
        try await removeSweptNetwork(daemon)
    }

    static let removeNetwork = SweptOperation("network rm", prepare: makeNetwork) { daemon in
        try await daemon.inTime("network", "rm", "swept")
    } verify: { daemon in
        let left = try await daemon.inTime("network", "inspect", "swept")
        #expect(left.status == 1)
    } clean: { daemon in
        try await removeSweptNetwork(daemon)
    }

    static let connect = SweptOperation("network connect") { daemon in
        try await makeNetwork(daemon)
        try await startContainer(daemon)
    } run: { daemon in
        try await daemon.inTime("network", "connect", "swept", "swept")
    } verify: { daemon in
        try await daemon.expect("exec", "swept", "test", "-e", "/sys/class/net/eth1")
    } clean: { daemon in
        try await expectInterfacesAsRecorded(daemon)
        try await removeContainer(daemon)
        try await removeSweptNetwork(daemon)
    }

    static let disconnect = SweptOperation("network disconnect") { daemon in
        try await makeNetwork(daemon)
        try await startContainer(daemon)
        try await daemon.expect("network", "connect", "swept", "swept")
    } run: { daemon in
        try await daemon.inTime("network", "disconnect", "swept", "swept")
    } verify: { daemon in
        let look = try await daemon.inTime("exec", "swept", "test", "!", "-e", "/sys/class/net/eth1")
        // A container whose monitor is not heard any more ends, and has no networks then.
        #expect(look.status == 0 || look.errors.contains("is not running"), "\(look.errors)")
    } clean: { daemon in
        try await expectInterfacesAsRecorded(daemon)
        try await removeContainer(daemon)
        try await removeSweptNetwork(daemon)
    }

    /// A VM's cards, which libvirt plugs in and out.
    static let changeCards = SweptOperation("network connect and disconnect of a VM") { daemon in
        try await daemon.expect("network", "create", "swept")
        let result = try await daemon.tandem(
            ["run", "--vm", "-d", "--name", "swept", "busybox", "sleep", "1000"], deadline: 60)
        #expect(result.status == 0, "\(result.errors)")
    } run: { daemon in
        let connected = try await daemon.tandem(["network", "connect", "swept", "swept"], deadline: 40)
        guard connected.status == 0 else { return connected }
        return try await daemon.tandem(["network", "disconnect", "swept", "swept"], deadline: 40)
    } verify: { daemon in
        try await daemon.expect("exec", "swept", "test", "!", "-e", "/sys/class/net/eth1")
    } clean: { daemon in
        try await expectInterfacesAsRecorded(daemon)
        try await daemon.tandem("rm", "-f", "-v", "swept", deadline: 40)
        try await removeSweptNetwork(daemon)
    }

    /// Takes the network away, and sees to it that nothing of it is in the firewall any more.
    private static func removeSweptNetwork(_ daemon: Daemon) async throws {
        try await daemon.inTime("network", "rm", "-f", "swept")
        let rules = try await daemon.onHost("/usr/sbin/nft", "list", "ruleset")
        #expect(rules.status == 0 && !rules.output.contains("br-") && !rules.output.contains("8099"), "\(rules.output)")
    }

    /// Sees to it that a workload has the interfaces that the daemon says it has.
    private static func expectInterfacesAsRecorded(_ daemon: Daemon) async throws {
        let format = "{{.State.Status}}{{range $name, $network := .NetworkSettings.Networks}} {{$name}}{{end}}"
        let words = try await daemon.inTime("inspect", "-f", format, "swept").trimmed.split(separator: " ")
        guard words.first == "running" else { return }
        let inside = try await daemon.inTime("exec", "swept", "ls", "/sys/class/net").lines.filter {
            $0.hasPrefix("eth")
        }
        #expect(inside.count == words.count - 1, "\(inside), but \(words)")
    }
}
