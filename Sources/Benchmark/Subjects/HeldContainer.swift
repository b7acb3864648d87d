// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client

/// A workload at an endpoint that waits for commands.
struct HeldContainer: HeldWorkload {
    let client: TandemClient
    let id: String
    let isTandem: Bool
    var share: SharedFolder?

    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
        do throws(ClientError) {
            return try await client.execute(command, in: id)
        } catch {
            throw BenchmarkError(error)
        }
    }

    func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double] {
        guard isTandem else {
            throw BenchmarkError("only Tandem tells what a workload costs the host")
        }
        do throws(ClientError) {
            let document = try await askFootprint()
            var figures = Self.figures(document)
            guard idle > .zero else { return figures }
            // From answer to answer, so that the asking is in it once.
            let begun = ContinuousClock.now
            // Cancelled when nobody waits for the figure any more.
            try? await Task.sleep(for: idle)
            let used = Self.cpuTime(try await askFootprint()) - Self.cpuTime(document)
            figures["idle processor"] = max(0, used) / (ContinuousClock.now - begun).seconds
            return figures
        } catch {
            throw BenchmarkError(error)
        }
    }

    private func askFootprint() async throws(ClientError) -> JSONValue {
        try await client.request("GET", "/tandem/containers/\(id)/footprint").json
    }

    /// In seconds, of all processes of the host.
    private static func cpuTime(_ document: JSONValue) -> Double {
        let processes = document["processes"].array ?? []
        return processes.reduce(0) { $0 + Double($1["cpuTime"].integer ?? 0) / 1e9 }
    }

    private static func figures(_ document: JSONValue) -> [String: Double] {
        var figures: [String: Double] = [:]
        func add(_ name: String, _ value: JSONValue) {
            if let value = value.integer { figures[name, default: 0] += Double(value) }
        }
        add("pss", document["pss"])
        add("processes", document["processCount"])
        add("threads", document["threadCount"])
        add("storage", document["storage"])
        for process in document["processes"].array ?? [] {
            add("pss \(process["role"].string ?? "")", process["pss"])
            add("shared", process["shared"])
            add("page tables", process["pageTables"])
        }
        let guest = document["guest"]
        if let total = guest["memoryTotal"].integer, let available = guest["memoryAvailable"].integer {
            for process in document["processes"].array ?? [] { add("guest memory", process["guestMemory"]) }
            figures["guest used"] = Double(total - available)
            add("guest page cache", guest["pageCache"])
            add("guest kernel", guest["kernelMemory"])
            add("guest slab", guest["slab"])
            add("guest page tables", guest["pageTables"])
        }
        return figures
    }

    func stop() async throws(BenchmarkError) -> Double? {
        do throws(ClientError) {
            let clock = ContinuousClock()
            let asked = clock.now
            try await client.request("POST", "/containers/\(id)/stop", query: [("t", "10")])
            return (clock.now - asked).seconds
        } catch {
            throw BenchmarkError(error)
        }
    }

    /// Where other workloads reach it: at its own address, or at the host's on its networks, by its published ports.
    func address(isPublished: Bool) async throws(BenchmarkError) -> ServerAddress {
        do throws(ClientError) {
            let settings = try await client.request("GET", "/containers/\(id)/json").json["NetworkSettings"]
            let network = settings["Networks"].object?.first?.value ?? .null
            var address = ServerAddress()
            address.host = network[isPublished ? "Gateway" : "IPAddress"].string ?? ""
            for (port, bindings) in isPublished ? settings["Ports"].object ?? [:] : [:] {
                address.ports[port] = bindings.array?.first?["HostPort"].string
            }
            guard !address.host.isEmpty else {
                throw ClientError(status: 500, message: "the server has no address", hint: nil, code: "internal")
            }
            return address
        } catch {
            throw BenchmarkError(error)
        }
    }

    func release() async {
        // What cannot be removed now is removed when the benchmark ends.
        try? await client.remove(id)
        await share?.remove()
    }
}
