// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// Networks with real traffic between containers, VMs and the host; all of it in the daemon's own network namespace.
@Suite(.daemon, .serialized)
struct NetworkTests {
    let daemon: Daemon

    init() throws { daemon = try #require(Daemon.current) }

    private static let serve = "echo \"$0\" > /index.html; exec httpd -f -p 80"

    /// Starts a web server that says its own name.
    private func server(_ kind: Kind, _ name: String, _ flags: [String] = []) async throws {
        let command = ["run", "-d", "--name", name] + kind.flags + flags + ["busybox", "sh", "-c", Self.serve, name]
        let started = try await daemon.tandem(command)
        #expect(started.status == 0, "\(started.errors)")
    }

    private func remove(_ names: String...) async throws {
        let removed = try await daemon.tandem(["rm", "-f", "-v"] + names)
        #expect(removed.status == 0, "\(removed.errors)")
    }

    private func address(of name: String, on network: String = "bridge") async throws -> String {
        let document = try JSONSerialization.jsonObject(
            with: Data(try await daemon.tandem("inspect", name).output.utf8))
        let settings = ((document as? [[String: Any]])?.first?["NetworkSettings"] as? [String: Any])?["Networks"]
        let endpoint = (settings as? [String: [String: Any]])?[network]
        return endpoint?["IPAddress"] as? String ?? ""
    }

    /// What a workload gets from a web server, once there is one.
    private func get(_ host: String, from name: String) async throws -> String {
        let script = "for i in $(seq 50); do wget -q -O - http://$0/ && exit; sleep 0.1; done"
        return try await daemon.tandem("exec", name, "sh", "-c", script, host).trimmed
    }

    /// The same from the daemon's host.
    private func getOnHost(_ host: String) async throws -> String {
        let script = "for i in $(seq 50); do busybox wget -q -O - http://$0/ && exit; busybox sleep 0.1; done"
        return try await daemon.onHost("/bin/busybox", "sh", "-c", script, host).trimmed
    }

    /// Whether a packet gets no answer in a second; traffic that must not arrive.
    private func isCutOff(_ host: String, from name: String) async throws -> Bool {
        try await daemon.tandem("exec", name, "timeout", "1", "wget", "-q", "-O", "-", "http://\(host)/").status != 0
    }

    @Test func bothKindsReachEachOtherAndTheHost() async throws {
        try await server(.container, "one")
        try await server(.vm, "two")
        let (one, two) = (try await address(of: "one"), try await address(of: "two"))
        #expect(try await get(two, from: "one") == "two")
        #expect(try await get(one, from: "two") == "one")
        #expect(try await getOnHost(one) == "one")
        #expect(try await getOnHost(two) == "two")
        #expect(one != two)
        for name in ["one", "two"] {
            let ping = try await daemon.tandem("exec", name, "ping", "-c", "1", "-W", "2", "172.17.0.1")
            #expect(ping.status == 0, "\(ping.output)")
            let hosts = try await daemon.tandem("exec", name, "sh", "-c", "grep $(hostname) /etc/hosts").trimmed
            #expect(hosts.hasPrefix(name == "one" ? one : two))
        }
        let statistics = try await daemon.tandem("stats", "--no-stream", "--format", "{{.NetIO}}", "one", "two")
        #expect(statistics.lines.count == 2 && !statistics.output.contains("0B / 0B"), "\(statistics.output)")
        try await remove("one", "two")
    }

    @Test(arguments: Kind.allCases)
    func publishedPortsAreReachedFromEverywhere(kind: Kind) async throws {
        try await server(kind, "web", ["-p", "8080:80", "-p", "127.0.0.1:9090-9091:80", "-p", "80"])
        try await server(.container, "other")
        let ports = try await daemon.tandem("port", "web", "80").lines
        #expect(ports.count == 3 && ports.contains("0.0.0.0:8080") && ports.contains("127.0.0.1:9090"), "\(ports)")
        for port in ports {
            let number = port.split(separator: ":").last ?? ""
            #expect(try await getOnHost("127.0.0.1:\(number)") == "web", "\(port)")
        }
        #expect(try await getOnHost("172.17.0.1:8080") == "web")
        #expect(try await get("172.17.0.1:8080", from: "other") == "web")
        #expect(try await get("172.17.0.1:8080", from: "web") == "web", "a workload reaches itself through the host")
        #expect(try await isCutOff("172.17.0.1:9090", from: "other"), "a port of 127.0.0.1 is the host's alone")
        let taken = try await daemon.tandem(
            ["run"] + kind.flags + ["--name", "late", "-p", "8080:80", "busybox", "true"])
        #expect(taken.status == 125)
        #expect(taken.errors.contains("driver failed programming external connectivity on endpoint late"))
        #expect(taken.errors.contains("Bind for 0.0.0.0:8080 failed: port is already allocated"))
        let late = try await daemon.tandem("inspect", "-f", "{{.State.Status}}", "late").trimmed
        #expect(late == "created")
        try await remove("web", "other", "late")
        #expect(try await daemon.onHost("/usr/sbin/nft", "list", "ruleset").output.contains("dnat ip to") == false)
    }

    @Test func networksAreKeptApart() async throws {
        for name in ["red", "blue"] { #expect(try await daemon.tandem("network", "create", name).status == 0) }
        try await server(.container, "r1", ["--network", "red"])
        try await server(.vm, "r2", ["--network", "red"])
        try await server(.container, "b1", ["--network", "blue"])
        try await server(.container, "both", ["--network", "red", "--network", "blue"])
        let (r2, b1) = (try await address(of: "r2", on: "red"), try await address(of: "b1", on: "blue"))
        #expect(try await get(r2, from: "r1") == "r2")
        #expect(try await get(r2, from: "both") == "r2")
        #expect(try await get(b1, from: "both") == "b1")
        #expect(try await isCutOff(b1, from: "r1"))
        #expect(try await isCutOff(b1, from: "r2"))
        #expect(try await isCutOff(r2, from: "b1"))
        let busy = try await daemon.tandem("network", "rm", "red")
        #expect(busy.status == 1 && busy.errors.contains("has active endpoints"))
        try await remove("r1", "r2", "b1", "both")
        #expect(
            try await daemon.tandem("network", "prune", "-f").lines.sorted() == ["Deleted Networks:", "blue", "red"])
        #expect(try await daemon.networkDevices().filter { $0.hasPrefix("br-") || $0.hasPrefix("tv") } == [])
    }

    @Test(arguments: Kind.allCases)
    func anInternalNetworkHasNoWayOut(kind: Kind) async throws {
        #expect(
            try await daemon.tandem("network", "create", "--internal", "--subnet", "10.99.0.0/24", "in").status == 0)
        try await server(kind, "inside", ["--network", "in", "--ip", "10.99.0.77"])
        try await server(.container, "outside")
        #expect(try await daemon.tandem("exec", "inside", "ip", "route").trimmed.contains("default") == false)
        // Also by a route of its own making, which a VM or a privileged workload could have.
        #expect(try await isCutOff(try await address(of: "outside"), from: "inside"))
        #expect(try await getOnHost("10.99.0.77") == "inside")
        let taken = try await daemon.tandem("run", "--rm", "--network", "in", "--ip", "10.99.0.77", "busybox", "true")
        #expect(taken.status == 125 && taken.errors.contains("Address already in use"))
        let wrong = try await daemon.tandem("run", "--rm", "--network", "in", "--ip", "10.98.0.1", "busybox", "true")
        #expect(wrong.errors.contains("no configured subnet contains IP address 10.98.0.1"))
        try await remove("inside", "outside")
        #expect(try await daemon.tandem("network", "rm", "in").status == 0)
    }

    @Test func neighboursCanBeKeptApart() async throws {
        let option = "com.docker.network.bridge.enable_icc=false"
        #expect(try await daemon.tandem("network", "create", "-o", option, "apart").status == 0)
        try await server(.container, "c1", ["--network", "apart"])
        try await server(.vm, "v1", ["--network", "apart"])
        let (c1, v1) = (try await address(of: "c1", on: "apart"), try await address(of: "v1", on: "apart"))
        #expect(try await getOnHost(c1) == "c1")
        #expect(try await getOnHost(v1) == "v1")
        #expect(try await isCutOff(v1, from: "c1"))
        #expect(try await isCutOff(c1, from: "v1"))
        try await remove("c1", "v1")
        #expect(try await daemon.tandem("network", "rm", "apart").status == 0)
    }

    @Test func addressesRunOutInDockersWords() async throws {
        #expect(try await daemon.tandem("network", "create", "--subnet", "10.97.0.0/30", "tiny").status == 0)
        try await server(.container, "only", ["--network", "tiny"])
        let late = try await daemon.tandem("run", "--rm", "--network", "tiny", "busybox", "true")
        #expect(late.status == 125)
        #expect(late.errors.contains("no available IPv4 addresses on this network's address pools: tiny ("))
        let overlap = try await daemon.tandem("network", "create", "--subnet", "10.97.0.0/24", "wide")
        #expect(overlap.status == 1 && overlap.errors.contains("Pool overlaps with other one on this address space"))
        try await remove("only")
        #expect(try await daemon.tandem("run", "--rm", "--network", "tiny", "busybox", "true").status == 0)
        #expect(try await daemon.tandem("network", "rm", "tiny").status == 0)
    }

    @Test func aRunningContainerChangesItsNetworks() async throws {
        #expect(try await daemon.tandem("network", "create", "later").status == 0)
        try await server(.container, "mover")
        try await server(.container, "far", ["--network", "later"])
        let far = try await address(of: "far", on: "later")
        #expect(try await isCutOff(far, from: "mover"))
        #expect(try await daemon.tandem("network", "connect", "later", "mover").status == 0)
        #expect(try await get(far, from: "mover") == "far")
        let again = try await daemon.tandem("network", "connect", "later", "mover")
        #expect(again.errors.contains("endpoint with name mover already exists in network later"))
        #expect(try await daemon.tandem("network", "disconnect", "later", "mover").status == 0)
        #expect(try await isCutOff(far, from: "mover"))
        #expect(try await daemon.tandem("exec", "mover", "ls", "/sys/class/net").lines.sorted() == ["eth0", "lo"])
        try await remove("mover", "far")
        #expect(try await daemon.tandem("network", "rm", "later").status == 0)
    }

    @Test func networksOutliveTheDaemon() async throws {
        try await server(.container, "first", ["-p", "8088:80"])
        try await server(.vm, "second")
        let (first, second) = (try await address(of: "first"), try await address(of: "second"))
        await daemon.kill()
        #expect(try await getOnHost("127.0.0.1:8088") == "first", "while the daemon is down")
        #expect(try await getOnHost(second) == "second")
        let bound = try await daemon.onHost("/bin/busybox", "nc", "-l", "-p", "8088", "-w", "1")
        #expect(bound.status != 0 && bound.errors.contains("in use"), "the port is still reserved: \(bound.errors)")
        try await daemon.start()
        #expect(try await address(of: "first") == first)
        try await server(.container, "third")
        #expect(Set([first, second, try await address(of: "third")]).count == 3)
        #expect(try await getOnHost("127.0.0.1:8088") == "first")
        let taken = try await daemon.tandem("run", "--rm", "-p", "8088:80", "busybox", "true")
        #expect(taken.errors.contains("port is already allocated"))
        try await remove("first", "second", "third")
        #expect(try await daemon.networkDevices().filter { $0.hasPrefix("tv") } == [])
    }

    @Test func workloadsFindEachOtherByName() async throws {
        #expect(try await daemon.tandem("network", "create", "named").status == 0)
        #expect(try await daemon.tandem("network", "create", "beside").status == 0)
        try await server(.container, "db", ["--network", "named", "--network-alias", "store"])
        try await server(.vm, "front", ["--network", "named", "--hostname", "shop"])
        try await server(.container, "both", ["--network", "named", "--network", "beside"])
        try await server(.container, "alone", ["--network", "beside"])
        let id = try await daemon.tandem("ps", "-q", "--filter", "name=db").trimmed
        for name in ["db", "store", id] {
            #expect(try await get(name, from: "front") == "db", "\(name) in a VM")
            #expect(try await get(name, from: "both") == "db", "\(name) in a container")
        }
        #expect(try await get("front", from: "db") == "front")
        #expect(try await get("shop", from: "db") == "front")
        #expect(try await get("alone", from: "both") == "alone", "a name of the second network")
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
        #expect(try await get("base", from: "front") == "db")
        try await remove("base", "front", "both", "alone")
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
        try await server(.container, "s1", ["--network", "one", "-p", "8085:80"])
        try await server(.container, "s2", ["--network", "two"])
        let (s1, gateway) = (
            try await address(of: "s1", on: "one"),
            try await daemon.tandem("exec", "s2", "sh", "-c", "ip route | cut -d' ' -f3 | head -1").trimmed
        )
        #expect(try await get("\(gateway):8085", from: "s2") == "s1", "by the host, as a packet that is passed on")
        #expect(try await isCutOff(s1, from: "s2"), "still kept apart")
        try await remove("s1", "s2")
        #expect(try await daemon.tandem("network", "rm", "one", "two").status == 0)
        let left = try await daemon.onHost(nft, "list", "chain", "ip", "filter", "DOCKER-USER").output
        #expect(!left.contains("br-"), "\(left)")
        #expect(try await daemon.onHost(nft, "delete", "table", "ip", "filter").status == 0)
    }

    @Test func anotherWorkloadsNetworkIsShared() async throws {
        try await server(.container, "donor")
        let shared = try await daemon.tandem(
            "run", "--rm", "--network", "container:donor", "busybox", "wget", "-q", "-O", "-", "http://127.0.0.1/")
        #expect(shared.trimmed == "donor", "\(shared.errors)")
        let refused = try await daemon.tandem("run", "--rm", "--vm", "--network", "container:donor", "busybox", "true")
        #expect(refused.status == 125 && refused.errors.contains("put both on one network"))
        try await remove("donor")
    }
}
