// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Networks with real traffic between containers, VMs and the host; all of it in the daemon's own network namespace.
@Suite(.daemon, .serialized)
struct NetworkTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    @Test func bothKindsReachEachOtherAndTheHost() async throws {
        try await daemon.serve(.container, "one")
        try await daemon.serve(.vm, "two")
        let (one, two) = (try await daemon.address(of: "one"), try await daemon.address(of: "two"))
        #expect(try await daemon.fetch(two, from: "one") == "two")
        #expect(try await daemon.fetch(one, from: "two") == "one")
        #expect(try await daemon.fetchOnHost(one) == "one")
        #expect(try await daemon.fetchOnHost(two) == "two")
        #expect(one != two)
        for name in ["one", "two"] {
            let ping = try await daemon.tandem("exec", name, "ping", "-c", "1", "-W", "2", "172.17.0.1")
            #expect(ping.status == 0, "\(ping.output)")
            let hosts = try await daemon.tandem("exec", name, "sh", "-c", "grep $(hostname) /etc/hosts").trimmed
            #expect(hosts.hasPrefix(name == "one" ? one : two))
        }
        let statistics = try await daemon.tandem("stats", "--no-stream", "--format", "{{.NetIO}}", "one", "two")
        #expect(statistics.lines.count == 2 && !statistics.output.contains("0B / 0B"), "\(statistics.output)")
        try await daemon.removeWorkloads("one", "two")
    }

    @Test(arguments: Kind.allCases)
    func publishedPortsAreReachedFromEverywhere(kind: Kind) async throws {
        try await daemon.serve(kind, "web", ["-p", "8080:80", "-p", "127.0.0.1:9090-9091:80", "-p", "80"])
        try await daemon.serve(.container, "other")
        let ports = try await daemon.tandem("port", "web", "80").lines
        #expect(ports.count == 3 && ports.contains("0.0.0.0:8080") && ports.contains("127.0.0.1:9090"), "\(ports)")
        for port in ports {
            let number = port.split(separator: ":").last ?? ""
            #expect(try await daemon.fetchOnHost("127.0.0.1:\(number)") == "web", "\(port)")
        }
        #expect(try await daemon.fetchOnHost("172.17.0.1:8080") == "web")
        #expect(try await daemon.fetch("172.17.0.1:8080", from: "other") == "web")
        #expect(
            try await daemon.fetch("172.17.0.1:8080", from: "web") == "web",
            "a workload reaches itself through the host")
        #expect(try await daemon.isCutOff("172.17.0.1:9090", from: "other"), "a port of 127.0.0.1 is the host's alone")
        let taken = try await daemon.tandem(
            ["run"] + kind.flags + ["--name", "late", "-p", "8080:80", "busybox", "true"])
        #expect(taken.status == 125)
        #expect(taken.errors.contains("driver failed programming external connectivity on endpoint late"))
        #expect(taken.errors.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"))
        let late = try await daemon.tandem("inspect", "-f", "{{.State.Status}}", "late").trimmed
        #expect(late == "created")
        try await daemon.removeWorkloads("web", "other", "late")
        #expect(try await daemon.onHost("/usr/sbin/nft", "list", "ruleset").output.contains("dnat ip to") == false)
    }

    @Test func networksAreKeptApart() async throws {
        for name in ["red", "blue"] { #expect(try await daemon.tandem("network", "create", name).status == 0) }
        try await daemon.serve(.container, "r1", ["--network", "red"])
        try await daemon.serve(.vm, "r2", ["--network", "red"])
        try await daemon.serve(.container, "b1", ["--network", "blue"])
        try await daemon.serve(.container, "both", ["--network", "red", "--network", "blue"])
        let (r2, b1) = (try await daemon.address(of: "r2", on: "red"), try await daemon.address(of: "b1", on: "blue"))
        #expect(try await daemon.fetch(r2, from: "r1") == "r2")
        #expect(try await daemon.fetch(r2, from: "both") == "r2")
        #expect(try await daemon.fetch(b1, from: "both") == "b1")
        #expect(try await daemon.isCutOff(b1, from: "r1"))
        #expect(try await daemon.isCutOff(b1, from: "r2"))
        #expect(try await daemon.isCutOff(r2, from: "b1"))
        let busy = try await daemon.tandem("network", "rm", "red")
        #expect(busy.status == 1 && busy.errors.contains("has active endpoints"))
        try await daemon.removeWorkloads("r1", "r2", "b1", "both")
        #expect(
            try await daemon.tandem("network", "prune", "-f").lines.sorted() == ["Deleted Networks:", "blue", "red"])
        #expect(try await daemon.networkDevices().filter { $0.hasPrefix("br-") || $0.hasPrefix("tv") } == [])
    }

    @Test(arguments: Kind.allCases)
    func anInternalNetworkHasNoWayOut(kind: Kind) async throws {
        #expect(
            try await daemon.tandem("network", "create", "--internal", "--subnet", "10.99.0.0/24", "in").status == 0)
        try await daemon.serve(kind, "inside", ["--network", "in", "--ip", "10.99.0.77"])
        try await daemon.serve(.container, "outside")
        #expect(try await daemon.tandem("exec", "inside", "ip", "route").trimmed.contains("default") == false)
        // Also by a route of its own making, which a VM or a privileged workload could have.
        #expect(try await daemon.isCutOff(try await daemon.address(of: "outside"), from: "inside"))
        #expect(try await daemon.fetchOnHost("10.99.0.77") == "inside")
        let taken = try await daemon.tandem("run", "--rm", "--network", "in", "--ip", "10.99.0.77", "busybox", "true")
        #expect(taken.status == 125 && taken.errors.contains("Address already in use"))
        let wrong = try await daemon.tandem("run", "--rm", "--network", "in", "--ip", "10.98.0.1", "busybox", "true")
        #expect(wrong.errors.contains("no configured subnet contains IP address 10.98.0.1"))
        try await daemon.removeWorkloads("inside", "outside")
        #expect(try await daemon.tandem("network", "rm", "in").status == 0)
    }

    @Test func neighboursCanBeKeptApart() async throws {
        let option = "com.docker.network.bridge.enable_icc=false"
        #expect(try await daemon.tandem("network", "create", "-o", option, "apart").status == 0)
        try await daemon.serve(.container, "c1", ["--network", "apart"])
        try await daemon.serve(.vm, "v1", ["--network", "apart"])
        let (c1, v1) = (
            try await daemon.address(of: "c1", on: "apart"), try await daemon.address(of: "v1", on: "apart")
        )
        #expect(try await daemon.fetchOnHost(c1) == "c1")
        #expect(try await daemon.fetchOnHost(v1) == "v1")
        #expect(try await daemon.isCutOff(v1, from: "c1"))
        #expect(try await daemon.isCutOff(c1, from: "v1"))
        try await daemon.removeWorkloads("c1", "v1")
        #expect(try await daemon.tandem("network", "rm", "apart").status == 0)
    }

    @Test func addressesRunOutInDockersWords() async throws {
        #expect(try await daemon.tandem("network", "create", "--subnet", "10.97.0.0/30", "tiny").status == 0)
        try await daemon.serve(.container, "only", ["--network", "tiny"])
        let late = try await daemon.tandem("run", "--rm", "--network", "tiny", "busybox", "true")
        #expect(late.status == 125)
        #expect(late.errors.contains("no available IPv4 addresses on this network's address pools: tiny ("))
        let overlap = try await daemon.tandem("network", "create", "--subnet", "10.97.0.0/24", "wide")
        #expect(overlap.status == 1 && overlap.errors.contains("Pool overlaps with other one on this address space"))
        try await daemon.removeWorkloads("only")
        #expect(try await daemon.tandem("run", "--rm", "--network", "tiny", "busybox", "true").status == 0)
        #expect(try await daemon.tandem("network", "rm", "tiny").status == 0)
    }

    @Test func aSubnetThatSomethingElseHasTakenMeanwhileIsNotShared() async throws {
        // As dockerd does that is installed while no workload of ours runs.
        #expect(try await daemon.tandem("network", "create", "--subnet", "10.98.0.0/24", "chosen").status == 0)
        let subnet = { (name: String) in
            let text = try await daemon.tandem("network", "inspect", name).output
            return String(try #require(try Regex("\"Subnet\" *: *\"([^\"]*)\"").firstMatch(in: text)?[1].substring))
        }
        let before = try await subnet("bridge")
        await daemon.stop()
        for (name, address) in [("docker0", before.replacing("0.0/16", with: "0.1/16")), ("other0", "10.98.0.1/24")] {
            #expect(try await daemon.onHost("/sbin/ip", "link", "add", name, "type", "bridge").status == 0)
            let added = try await daemon.onHost("/sbin/ip", "address", "add", address, "dev", name)
            #expect(added.status == 0, "\(address): \(added.errors)")
            #expect(try await daemon.onHost("/sbin/ip", "link", "set", name, "up").status == 0)
        }
        try await daemon.start()
        try await daemon.serve(.container, "moved")
        let after = try await subnet("bridge")
        #expect(after != before && after.hasSuffix("/16"))
        #expect(try await daemon.fetchOnHost(try await daemon.address(of: "moved")) == "moved")
        let refused = try await daemon.tandem("run", "--rm", "--network", "chosen", "busybox", "true")
        #expect(refused.status == 125 && refused.errors.contains("10.98.0.0/24, and so has another interface"))
        for name in ["docker0", "other0"] {
            #expect(try await daemon.onHost("/sbin/ip", "link", "del", name).status == 0)
        }
        #expect(try await daemon.tandem("run", "--rm", "--network", "chosen", "busybox", "true").status == 0)
        // What runs stays where it is, and so does the network while it is used.
        #expect(try await subnet("bridge") == after)
        try await daemon.removeWorkloads("moved")
        #expect(try await daemon.tandem("network", "rm", "chosen").status == 0)
    }

    @Test func networksOutliveTheDaemon() async throws {
        try await daemon.serve(.container, "first", ["-p", "8088:80"])
        try await daemon.serve(.vm, "second")
        let (first, second) = (try await daemon.address(of: "first"), try await daemon.address(of: "second"))
        await daemon.kill()
        #expect(try await daemon.fetchOnHost("127.0.0.1:8088") == "first", "while the daemon is down")
        #expect(try await daemon.fetchOnHost(second) == "second")
        let bound = try await daemon.onHost("/bin/busybox", "nc", "-l", "-p", "8088", "-w", "1")
        #expect(bound.status != 0 && bound.errors.contains("in use"), "the port is still reserved: \(bound.errors)")
        try await daemon.start()
        #expect(try await daemon.address(of: "first") == first)
        try await daemon.serve(.container, "third")
        #expect(Set([first, second, try await daemon.address(of: "third")]).count == 3)
        #expect(try await daemon.fetchOnHost("127.0.0.1:8088") == "first")
        let taken = try await daemon.tandem("run", "--rm", "-p", "8088:80", "busybox", "true")
        #expect(taken.errors.contains("port is already allocated"))
        try await daemon.removeWorkloads("first", "second", "third")
        #expect(try await daemon.networkDevices().filter { $0.hasPrefix("tv") } == [])
    }

    @Test func workloadsFindEachOtherByName() async throws {
        #expect(try await daemon.tandem("network", "create", "named").status == 0)
        #expect(try await daemon.tandem("network", "create", "beside").status == 0)
        try await daemon.serve(.container, "db", ["--network", "named", "--network-alias", "store"])
        try await daemon.serve(.vm, "front", ["--network", "named", "--hostname", "shop"])
        try await daemon.serve(.container, "both", ["--network", "named", "--network", "beside"])
        try await daemon.serve(.container, "alone", ["--network", "beside"])
        let id = try await daemon.tandem("ps", "-q", "--filter", "name=db").trimmed
        for name in ["db", "store", id] {
            #expect(try await daemon.fetch(name, from: "front") == "db", "\(name) in a VM")
            #expect(try await daemon.fetch(name, from: "both") == "db", "\(name) in a container")
        }
        #expect(try await daemon.fetch("front", from: "db") == "front")
        #expect(try await daemon.fetch("shop", from: "db") == "front")
        #expect(try await daemon.fetch("alone", from: "both") == "alone", "a name of the second network")
        #expect(try await daemon.tandem("exec", "alone", "nslookup", "db").status != 0)
        // While the daemon is down, and afterwards by the same server.
        let servers = try dnsServers()
        #expect(servers.count == 2)
        let gateway = try await daemon.tandem(
            "exec", "db", "sh", "-c", "ip route | sed -n 's/default via \\([^ ]*\\).*/\\1/p'")
        await daemon.kill()
        let lookup = try await daemon.onHost("/bin/busybox", "nslookup", "front", gateway.trimmed)
        #expect(lookup.status == 0, "\(lookup.output)")
        try await daemon.start()
        #expect(try dnsServers() == servers)
        #expect(try await daemon.tandem("rename", "db", "base").status == 0)
        #expect(try await daemon.fetch("base", from: "front") == "db")
        try await daemon.removeWorkloads("base", "front", "both", "alone")
        #expect(try await daemon.tandem("network", "rm", "named", "beside").status == 0)
        #expect(try dnsServers().isEmpty)
    }

    /// The name servers of this daemon's networks.
    private func dnsServers() throws -> Set<String> {
        let servers = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { name in
            // A process may end while it is looked at.
            let line = (try? String(contentsOfFile: "/proc/\(name)/cmdline", encoding: .utf8)) ?? ""
            return line.hasPrefix("/usr/sbin/dnsmasq") && line.contains(daemon.folder.path + "/run/networks/")
        }
        return Set(servers)
    }

    @Test func packetsPassBesideDocker() async throws {
        // What dockerd leaves in the tables of iptables.
        let rules = """
            add table ip filter; add chain ip filter FORWARD { type filter hook forward priority filter; policy drop; }; \
            add chain ip filter DOCKER-USER; add rule ip filter FORWARD counter jump DOCKER-USER
            """
        let nft = "/usr/sbin/nft"
        #expect(try await daemon.onHost(nft, rules).status == 0)
        #expect(try await daemon.tandem("network", "create", "one").status == 0)
        #expect(try await daemon.tandem("network", "create", "two").status == 0)
        try await daemon.serve(.container, "s1", ["--network", "one", "-p", "8085:80"])
        try await daemon.serve(.container, "s2", ["--network", "two"])
        let (s1, gateway) = (
            try await daemon.address(of: "s1", on: "one"),
            try await daemon.tandem("exec", "s2", "sh", "-c", "ip route | cut -d' ' -f3 | head -1").trimmed
        )
        #expect(
            try await daemon.fetch("\(gateway):8085", from: "s2") == "s1", "by the host, as a packet that is passed on")
        #expect(try await daemon.isCutOff(s1, from: "s2"), "still kept apart")
        try await daemon.removeWorkloads("s1", "s2")
        #expect(try await daemon.tandem("network", "rm", "one", "two").status == 0)
        let left = try await daemon.onHost(nft, "list", "chain", "ip", "filter", "DOCKER-USER").output
        #expect(!left.contains("br-"), "\(left)")
        #expect(try await daemon.onHost(nft, "delete", "table", "ip", "filter").status == 0)
    }

    @Test func anotherWorkloadsNetworkIsShared() async throws {
        try await daemon.serve(.container, "donor")
        let shared = try await daemon.tandem(
            "run", "--rm", "--network", "container:donor", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1/")
        #expect(shared.trimmed == "donor", "\(shared.errors)")
        let refused = try await daemon.tandem("run", "--rm", "--vm", "--network", "container:donor", "busybox", "true")
        #expect(refused.status == 125 && refused.errors.contains("put both on one network"))
        try await daemon.removeWorkloads("donor")
    }
}
