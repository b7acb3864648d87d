// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import TandemModel

/// Which workloads `docker ps` lists (moby, daemon/list.go).
struct ContainerFilter {
    private static let known: Set<String> = [
        "ancestor", "before", "exited", "expose", "health", "id", "is-task", "isolation", "label", "name", "network",
        "publish", "runtime", "since", "status", "volume",
    ]

    /// A wanted port with its protocol.
    private struct Port: Hashable {
        var number: Int
        var transport: String
    }

    private let filters: [String: [String]]
    private let names: [Regex<AnyRegexOutput>]
    private let exitCodes: [Int32]
    private let exposed: Set<Port>
    private let published: Set<Port>

    /// - Throws: `.invalidArgument` in dockerd's words for filters and values that it does not know.
    init(_ filters: [String: [String]]) throws(EngineError) {
        let filters = filters.filter { !$0.value.isEmpty }
        for name in filters.keys.sorted() where !Self.known.contains(name) {
            throw EngineError(
                .invalidArgument, "invalid filter '\(name)'",
                hint: "Known are \(Self.known.sorted().joined(separator: ", ")).")
        }
        self.filters = filters
        // As with dockerd, what is no regular expression fits nothing.
        names = (filters["name"] ?? []).compactMap { try? Regex($0) }
        var codes: [Int32] = []
        for value in filters["exited"] ?? [] {
            guard let code = Int32(value) else { throw Self.invalid("exited", value) }
            codes.append(code)
        }
        exitCodes = codes
        for value in filters["status"] ?? [] where WorkloadState(rawValue: value) == nil {
            throw Self.invalid(
                "status", value, hint: "States are \(WorkloadState.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        for value in filters["health"] ?? [] where !["starting", "healthy", "unhealthy", "none"].contains(value) {
            throw EngineError(.invalidArgument, "Unrecognised filter value for health: \(value)")
        }
        for value in filters["is-task"] ?? [] where !["true", "false"].contains(value) {
            throw Self.invalid("is-task", "[\(value)]")
        }
        exposed = try Self.ports("expose", filters["expose"] ?? [])
        published = try Self.ports("publish", filters["publish"] ?? [])
    }

    private static func invalid(_ name: String, _ value: String, hint: String? = nil) -> EngineError {
        EngineError(.invalidArgument, "invalid filter '\(name)=\(value)'", hint: hint)
    }

    /// `NUMBER[-NUMBER][/PROTOCOL]`.
    private static func ports(_ name: String, _ values: [String]) throws(EngineError) -> Set<Port> {
        var ports: Set<Port> = []
        for value in values {
            guard !value.contains(":") else {
                throw EngineError(.invalidArgument, "filter for '\(name)' should not contain ':': \(value)")
            }
            let parts = value.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) ?? -1 }
            guard (1...2).contains(bounds.count), let first = bounds.first, let last = bounds.last, first >= 0,
                last <= 65_535, first <= last
            else {
                throw EngineError(
                    .invalidArgument,
                    "error while looking up for \(name) \(value): it is no port and no range of ports",
                    hint: "For example 80, 8000-8010 or 53/udp.")
            }
            for number in first...last {
                ports.insert(Port(number: number, transport: parts.count > 1 ? parts[1].lowercased() : "tcp"))
            }
        }
        return ports
    }

    /// Those of all workloads, newest first, that are wanted.
    ///
    /// `limit` above 0 takes the newest of any state, `all` every state; otherwise only those that run are listed.
    ///
    /// - Throws: `.notFound` if `before` or `since` names none.
    func select(
        _ snapshots: [WorkloadSnapshot], all: Bool, limit: Int, images: ImageStore
    ) throws(EngineError) -> [WorkloadSnapshot] {
        var first = 0
        var end = snapshots.count
        if let name = filters["before"]?.last { first = try Self.position(name, snapshots) + 1 }
        if let name = filters["since"]?.last { end = max(first, try Self.position(name, snapshots)) }
        let all = all || limit > 0 || filters["status"] != nil
        // An image that is not there is nobody's ancestor.
        let ancestors = filters["ancestor"]?.compactMap { try? images.image($0).id }
        let ids = filters["id"]?.compactMap { Self.only($0, snapshots)?.record.id }
        let fitting = snapshots[first..<end].filter { snapshot in
            (all || snapshot.record.isActive) && ids?.contains(snapshot.record.id) ?? true
                && ancestors?.contains(snapshot.record.spec.imageID) ?? true && fits(snapshot)
        }
        return limit > 0 ? Array(fitting.prefix(limit)) : fitting
    }

    private static func position(
        _ reference: String, _ snapshots: [WorkloadSnapshot]
    ) throws(EngineError) -> Int {
        let name = reference.hasPrefix("/") ? String(reference.dropFirst()) : reference
        let found = snapshots.firstIndex { $0.record.id.description == name || $0.record.name == name }
        guard let found = found ?? snapshots.firstIndex(where: { $0.record.id.description.hasPrefix(name) }) else {
            throw EngineError(
                .notFound, "No such container: \(reference)", hint: "`tandem ps -a` lists what there is.")
        }
        return found
    }

    /// The one whose id begins so.
    private static func only(_ prefix: String, _ snapshots: [WorkloadSnapshot]) -> WorkloadSnapshot? {
        let fitting = snapshots.filter { $0.record.id.description.hasPrefix(prefix) }
        return fitting.count == 1 ? fitting[0] : nil
    }

    private func fits(_ snapshot: WorkloadSnapshot) -> Bool {
        let record = snapshot.record
        return fits("status", record.state.rawValue) && fits("health", record.health?.status.rawValue ?? "none")
            && fits("is-task", "false") && fits("runtime", record.spec.kind.rawValue) && fitsName(record.name)
            && fitsExit(record) && (filters["label"] ?? []).allSatisfy { Self.label($0, record.spec.labels) }
            && (!looksAtDocuments || fitsDocument(ContainerDocument.summary(snapshot)))
    }

    private var looksAtDocuments: Bool {
        ["volume", "network", "expose", "publish"].contains { filters[$0] != nil }
    }

    private func fits(_ name: String, _ value: String) -> Bool { filters[name]?.contains(value) ?? true }

    /// With and without the slash that dockerd puts before it.
    private func fitsName(_ name: String) -> Bool {
        filters["name"] == nil || names.contains { name.contains($0) || "/\(name)".contains($0) }
    }

    private func fitsExit(_ record: WorkloadRecord) -> Bool {
        filters["exited"] == nil
            || (!record.isActive && record.started != nil && exitCodes.contains(record.exit?.code ?? 0))
    }

    /// By what the API shows of mounts, networks and ports.
    private func fitsDocument(_ row: JSONValue) -> Bool {
        let fitsVolume =
            filters["volume"].map { values in
                (row["Mounts"].array ?? []).contains { mount in
                    let source = mount["Name"].string ?? mount["Source"].string ?? ""
                    return values.contains { $0 == mount["Destination"].string || $0 == source }
                }
            } ?? true
        let fitsNetwork =
            filters["network"].map { values in
                let networks = row["NetworkSettings"]["Networks"].object ?? [:]
                return values.contains { value in
                    networks[value] != nil || row["HostConfig"]["NetworkMode"].string == value
                        || networks.values.contains { $0["NetworkID"].string?.hasPrefix(value) ?? false }
                }
            } ?? true
        return fitsVolume && fitsNetwork && fitsPorts(row["Ports"].array ?? [])
    }

    private func fitsPorts(_ ports: [JSONValue]) -> Bool {
        guard !exposed.isEmpty || !published.isEmpty else { return true }
        return ports.contains { port in
            let transport = port["Type"].string ?? ""
            let number = { (name: String) in Int(clamping: port[name].integer ?? 0) }
            return published.contains(Port(number: number("PublicPort"), transport: transport))
                || exposed.contains(Port(number: number("PrivatePort"), transport: transport))
        }
    }

    /// `NAME` or `NAME=VALUE`.
    static func label(_ wanted: String, _ labels: [String: String]) -> Bool {
        let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? labels[parts[0]] == parts[1] : labels[wanted] != nil
    }
}
