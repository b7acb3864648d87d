// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Client
public import TandemModel

/// A kind of workload at an endpoint of the Docker API: Tandem's own, dockerd's, Podman's.
public struct EngineSubject: Subject {
    /// What it is called.
    public let name: String
    /// What has to be known about its figures.
    public let remark: String
    private let client: TandemClient
    /// `container` or `vm` of Tandem; `nil` for the endpoint's default.
    private let runtime: String?
    /// What runs a VM's processors; `nil` for what Tandem has chosen.
    private let accelerator: Accelerator?
    /// Where images come from that this endpoint does not have.
    private let source: TandemClient?
    private let folder: RunFolder
    private let kernels: KernelChoice

    /// Describes a subject; `folder` records what it makes.
    public init(
        name: String, client: TandemClient, folder: RunFolder, runtime: String?, accelerator: Accelerator? = nil,
        remark: String = "",
        source: TandemClient? = nil
    ) {
        self.name = name
        self.client = client
        self.folder = folder
        self.runtime = runtime
        self.accelerator = accelerator
        self.remark = remark
        self.source = source
        kernels = KernelChoice(client: client, folder: folder)
    }

    /// Whether it is Tandem, which tells more than Docker's API does.
    private var isTandem: Bool { runtime != nil }

    /// Whether it can be measured with a parameter's value, and the parameter makes a difference to it.
    public func effect(of parameter: Suite.Parameter.Name, _ value: String) -> ParameterEffect {
        switch parameter {
        case .kernel, .disk, .diskCache: runtime == "vm" ? .some : .none
        case .network: runtime == "vm" && value == "host" ? .impossible : .some
        case .memory, .cpus, .cache: .some
        }
    }

    /// Brings the image to where it is run from.
    public func prepare(_ image: String) async throws(BenchmarkError) {
        try folder.add(socket: client.socketPath)
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

    private func create(
        _ command: [String], _ shape: WorkloadShape, share: SharedFolder? = nil
    ) async throws(ClientError) -> String {
        var host: JSONValue = ["NetworkMode": .string(shape.network == "nat" ? "bridge" : shape.network ?? "none")]
        if let runtime { host["Runtime"] = .string(runtime) }
        if let memory = shape.memory {
            guard let bytes = ByteCount(dockerText: memory)?.bytes else {
                throw ClientError(status: 400, message: "'\(memory)' is no size", hint: nil, code: "invalid_argument")
            }
            host["Memory"] = .count(bytes)
        }
        if let processors = shape.processors { host["NanoCpus"] = .count(Int64(processors * 1e9)) }
        if let accelerator { host["Annotations"] = .map([Accelerator.annotation: accelerator.rawValue]) }
        if runtime == "vm" {
            let options = ["format": shape.disk, "cache": shape.diskCache].compactMapValues { $0 }
            if !options.isEmpty { host["StorageOpt"] = .map(options) }
        }
        var body: JSONValue = [
            "Image": .string(shape.image), "Entrypoint": [], "Cmd": .strings(command),
            "Labels": folder.labels,
        ]
        if let volume = shape.volume { body["Volumes"] = .object([volume: [:]]) }
        if shape.network == "nat", !shape.ports.isEmpty {
            body["ExposedPorts"] = .object(Dictionary(uniqueKeysWithValues: shape.ports.map { ($0, [:]) }))
            host["PortBindings"] = .object(
                Dictionary(uniqueKeysWithValues: shape.ports.map { ($0, [["HostPort": ""]]) }))
        }
        if let share, let path = shape.share { host["Binds"] = .strings(["\(share.path):\(path)"]) }
        body["HostConfig"] = host
        return try await client.request("POST", "/containers/create", body: body).json["Id"].string ?? ""
    }

    private func chooseKernel(_ shape: WorkloadShape) async throws(BenchmarkError) {
        if let kernel = shape.kernel, runtime == "vm" { try await kernels.use(kernel) }
    }

    /// Starts a workload that waits for commands, and its server.
    public func hold(_ shape: WorkloadShape) async throws(BenchmarkError) -> any HeldWorkload {
        guard let server = shape.server else { return try await start(shape) }
        var serving = shape
        serving.command = server
        guard let network = shape.network, network != "none" else {
            return ServedWorkload(client: try await start(serving), server: nil, address: ServerAddress())
        }
        let container = try await start(serving)
        do throws(BenchmarkError) {
            let address =
                network == "host" ? ServerAddress() : try await container.address(isPublished: network == "nat")
            var asking = shape
            asking.ports = []
            return ServedWorkload(client: try await start(asking), server: container, address: address)
        } catch {
            await container.release()
            throw error
        }
    }

    private func start(_ shape: WorkloadShape) async throws(BenchmarkError) -> HeldContainer {
        try await chooseKernel(shape)
        let share = shape.share == nil ? nil : try folder.makeShare()
        do throws(ClientError) {
            let id = try await create(shape.command ?? ["sleep", "1000000"], shape, share: share)
            do throws(ClientError) {
                try await client.request("POST", "/containers/\(id)/start")
            } catch {
                // The first failure is the one to report.
                try? await client.remove(id)
                throw error
            }
            return HeldContainer(client: client, id: id, isTandem: isTandem, share: share)
        } catch {
            await share?.remove()
            throw BenchmarkError(error)
        }
    }

    /// Runs a command as a workload of its own.
    public func live(_ command: [String], _ shape: WorkloadShape) async throws(BenchmarkError) -> Life {
        try await chooseKernel(shape)
        do throws(ClientError) {
            let clock = ContinuousClock()
            var life = Life()
            let begun = clock.now
            let id = try await create(command, shape)
            life.figures["create"] = (clock.now - begun).seconds
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
                life.figures["exit"] = (clock.now - begun).seconds
                life.figures["start"] = times.start.seconds
                life.figures["first byte"] = times.first?.seconds
                if isTandem { try await addPhases(id, to: &life) }
                guard code == 0 else {
                    throw ClientError(
                        status: 500, message: "the command ended with \(code)", hint: nil, code: "internal")
                }
            } catch {
                // The first failure is the one to report.
                try? await client.remove(id)
                throw error
            }
            let removing = clock.now
            try await client.remove(id)
            life.figures["remove"] = (clock.now - removing).seconds
            return life
        } catch {
            throw BenchmarkError(error)
        }
    }

    private func addPhases(_ id: String, to life: inout Life) async throws(ClientError) {
        life.trace = try await client.request("GET", "/tandem/containers/\(id)/trace").json.decoded(
            as: StartupTrace.self)
        for phase in life.trace?.phases ?? [] {
            life.figures["phase \(phase.name.rawValue)", default: 0] += Double(phase.end - phase.start) / 1e9
        }
    }
}

extension Duration {
    /// In seconds.
    public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
