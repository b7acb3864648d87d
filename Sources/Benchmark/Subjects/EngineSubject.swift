// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Client
import TandemModel

/// A kind of workload at an endpoint of the Docker API: Tandem's own, dockerd's, Podman's.
public struct EngineSubject: Subject {
    /// What it is called.
    public let name: String
    /// What has to be known about its figures.
    public let remark: String
    private let client: TandemClient
    /// `container` or `vm` of Tandem; `nil` for the endpoint's default.
    private let runtime: String?
    /// Where images come from that this endpoint does not have.
    private let source: TandemClient?
    /// Marks this benchmark's workloads, so that whatever cuts it off can find them.
    private let mark: String

    /// Describes a subject.
    public init(
        name: String, client: TandemClient, runtime: String?, remark: String = "", source: TandemClient? = nil
    ) {
        self.name = name
        self.client = client
        self.runtime = runtime
        self.remark = remark
        self.source = source
        mark = WorkloadID.random().short
    }

    /// Whether it is Tandem, which tells more than Docker's API does.
    private var isTandem: Bool { runtime != nil }

    /// Whether a parameter makes a difference to it.
    public func knows(_ parameter: Suite.Parameter.Name) -> Bool {
        switch parameter {
        case .kernel, .disk: runtime == "vm"
        case .memory, .cpus, .network: true
        }
    }

    /// Brings the image to where it is run from.
    public func prepare(_ image: String) async throws(BenchmarkError) {
        guard let source else { return try await BenchmarkImage.requireForSuite(image, client) }
        do throws(ClientError) {
            try await client.request("GET", "/images/\(TandemClient.encode(image))/json")
        } catch {
            guard error.status == 404 else { throw BenchmarkError(error) }
            try await BenchmarkImage.requireForSuite(image, source)
            try await copy(image, from: source)
        }
    }

    private func copy(_ image: String, from source: TandemClient) async throws(BenchmarkError) {
        do throws(ClientError) {
            let path = "/images/\(TandemClient.encode(image))/get"
            let archive = try await source.request("GET", path).body
            var isSent = false
            _ = try await client.upload("POST", "/images/load", query: [("quiet", "1")]) {
                defer { isSent = true }
                return isSent ? nil : archive
            }
        } catch {
            throw BenchmarkError(
                "the image '\(image)' cannot be brought to '\(name)': \(error.message)", hint: error.hint)
        }
    }

    // MARK: Workloads

    private func create(_ command: [String], _ shape: WorkloadShape) async throws(ClientError) -> String {
        var host: JSONValue = ["NetworkMode": .string(shape.network ?? "none")]
        if let runtime { host["Runtime"] = .string(runtime) }
        if let memory = shape.memory {
            guard let bytes = ByteCount(dockerText: memory)?.bytes else {
                throw ClientError(status: 400, message: "'\(memory)' is no size", hint: nil, code: "invalid_argument")
            }
            host["Memory"] = .count(bytes)
        }
        if let processors = shape.processors { host["NanoCpus"] = .count(Int64(processors * 1e9)) }
        if let disk = shape.disk, runtime == "vm" { host["StorageOpt"] = ["format": .string(disk)] }
        var body: JSONValue = [
            "Image": .string(shape.image), "Entrypoint": [], "Cmd": .strings(command), "HostConfig": host,
            "Labels": ["tandem.benchmark": .string(mark)],
        ]
        if let volume = shape.volume { body["Volumes"] = .object([volume: [:]]) }
        return try await client.request("POST", "/containers/create", body: body).json["Id"].string ?? ""
    }

    private func remove(_ id: String) async throws(ClientError) {
        try await client.request("DELETE", "/containers/\(id)", query: [("force", "1"), ("v", "1")])
    }

    /// Starts a workload that waits for commands.
    public func hold(_ shape: WorkloadShape) async throws(BenchmarkError) -> any HeldWorkload {
        do throws(ClientError) {
            if let kernel = shape.kernel, runtime == "vm" {
                try await client.request("POST", "/tandem/kernels/\(TandemClient.encode(kernel))/use")
            }
            let id = try await create(["sleep", "1000000"], shape)
            do throws(ClientError) {
                try await client.request("POST", "/containers/\(id)/start")
            } catch {
                // The first failure is the one to report.
                try? await remove(id)
                throw error
            }
            return HeldContainer(client: client, id: id, isTandem: isTandem)
        } catch {
            throw BenchmarkError(error)
        }
    }

    /// Runs a command as a workload of its own.
    public func live(_ command: [String], _ shape: WorkloadShape) async throws(BenchmarkError) -> LifeFigures {
        do throws(ClientError) {
            let clock = ContinuousClock()
            var figures: LifeFigures = [:]
            let begun = clock.now
            let id = try await create(command, shape)
            figures["create"] = (clock.now - begun).seconds
            do throws(ClientError) {
                let query = [("stream", "1"), ("stdout", "1"), ("stderr", "1")]
                let times = try await client.hijack("/containers/\(id)/attach", query: query) {
                    connection throws(ClientError) -> (start: Duration, first: Duration?) in
                    let asked = clock.now
                    try await client.request("POST", "/containers/\(id)/start")
                    let start = clock.now - asked
                    var first: Duration?
                    while let bytes = try await connection.next() {
                        if first == nil && !bytes.isEmpty { first = clock.now - begun }
                    }
                    return (start, first)
                }
                let code = try await client.request("POST", "/containers/\(id)/wait").json["StatusCode"].integer ?? 125
                figures["exit"] = (clock.now - begun).seconds
                figures["start"] = times.start.seconds
                figures["first byte"] = times.first?.seconds
                if isTandem { try await addPhases(id, to: &figures) }
                guard code == 0 else {
                    throw ClientError(
                        status: 500, message: "the command ended with \(code)", hint: nil, code: "internal")
                }
            } catch {
                // The first failure is the one to report.
                try? await remove(id)
                throw error
            }
            let removing = clock.now
            try await remove(id)
            figures["remove"] = (clock.now - removing).seconds
            return figures
        } catch {
            throw BenchmarkError(error)
        }
    }

    private func addPhases(_ id: String, to figures: inout LifeFigures) async throws(ClientError) {
        let trace = try await client.request("GET", "/tandem/containers/\(id)/trace").json.decoded(
            as: StartupTrace.self)
        for phase in trace?.phases ?? [] {
            figures["phase \(phase.name.rawValue)", default: 0] += Double(phase.end - phase.start) / 1e9
        }
    }

    /// Removes everything that it has made.
    public func cleanUp() async {
        let filters = "{\"label\":[\"tandem.benchmark=\(mark)\"]}"
        // What cannot be removed now is shown by `ps -a`.
        let rows = try? await client.request("GET", "/containers/json", query: [("all", "1"), ("filters", filters)])
            .json.array
        for row in rows ?? [] { try? await remove(row["Id"].string ?? "") }
    }
}

/// A workload at an endpoint that waits for commands.
struct HeldContainer: HeldWorkload {
    let client: TandemClient
    let id: String
    let isTandem: Bool

    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult {
        do throws(ClientError) {
            return try await client.execute(command, in: id)
        } catch {
            throw BenchmarkError(error)
        }
    }

    func footprint() async throws(BenchmarkError) -> [String: Double] {
        guard isTandem else {
            throw BenchmarkError("only Tandem tells what a workload costs the host")
        }
        do throws(ClientError) {
            let document = try await client.request("GET", "/tandem/containers/\(id)/footprint").json
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
            }
            let guest = document["guest"]
            if let total = guest["memoryTotal"].integer, let available = guest["memoryAvailable"].integer {
                figures["guest used"] = Double(total - available)
                add("guest page cache", guest["pageCache"])
                add("guest slab", guest["slab"])
            }
            return figures
        } catch {
            throw BenchmarkError(error)
        }
    }

    func release() async {
        // What cannot be removed now is removed when the benchmark ends.
        _ = try? await client.request("DELETE", "/containers/\(id)", query: [("force", "1"), ("v", "1")])
    }
}

extension Duration {
    /// In seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
