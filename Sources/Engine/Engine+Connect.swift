// SPDX-License-Identifier: Apache-2.0

import Backend
import LaunchProtocol
import LinuxSystem
import Monitor
import Networking
import StateStore
public import TandemModel

extension Engine {
    /// Puts a workload on a further network, also while it runs.
    public func connect(_ reference: String, _ wanted: EndpointSpec) async throws(EngineError) {
        let workload = try find(reference)
        let network = try networks.network(wanted.network)
        try await exclusively(workload) { () throws(EngineError) in
            try checkMode(of: workload, network)
            guard !workload.record.spec.endpoints.contains(where: { isSame($0, network) }) else {
                throw EngineError(
                    .permissionDenied,
                    "endpoint with name \(workload.record.name) already exists in network \(network.name)",
                    hint: "It is on that network already.")
            }
            var endpoint = wanted
            endpoint.network = network.name
            var changed = workload.record
            if changed.spec.endpoints.isEmpty { changed.spec.network = .network(network.name) }
            changed.spec.endpoints.append(endpoint)
            guard let instance = workload.instance else {
                try await state.save(changed)
                workload.record = changed
                return
            }
            try await join(workload, changed, endpoint, instance)
        }
    }

    /// The gate is closed.
    private func join(
        _ workload: Workload, _ changed: WorkloadRecord, _ endpoint: EndpointSpec, _ instance: any WorkloadInstance
    ) async throws(EngineError) {
        try checkAnswers(workload, instance)
        let id = workload.id
        let attachment = try await BlockingQueue.run { [networks] () throws(EngineError) in
            try networks.connect(id, endpoint)
        }
        guard let place = attachment.places.first else { return }
        let link = link(place, attachment)
        let before = workload.record.endpoints ?? []
        var changed = changed
        changed.endpoints = before + [place.endpoint]
        changed.changingEndpoint = place.endpoint
        do throws(EngineError) {
            // Before anything is made: the next daemon knows whose it is.
            try await state.save(changed)
            try await instance.connect(link)
            try completeNetworks(id)
            var change = fileChanges(changed.spec, from: before, to: before + [place.endpoint])
            change.interfaces = [link.interface]
            try await instance.monitor.changeNetwork(change)
            try networks.publishNames(of: id, changed.name, changed.spec)
            changed.changingEndpoint = nil
            try await state.save(changed)
        } catch {
            var reported = error
            do throws(EngineError) {
                try await leave(workload.record, place.endpoint, instance)
                try await state.save(workload.record)
            } catch {
                reported.cleanupFailures.append(.init(step: "disconnect", message: error.message))
            }
            throw reported
        }
        workload.record = changed
        if let network = try? networks.network(place.endpoint.networkID) {  // it is there: the workload is on it
            emitNetwork("connect", network, ["container": id.description])
        }
    }

    /// Takes an endpoint away from a workload that runs.
    ///
    /// Idempotent; `record` is without it already.
    private func leave(
        _ record: WorkloadRecord, _ gone: Endpoint, _ instance: any WorkloadInstance
    ) async throws(EngineError) {
        try await instance.disconnect(gone)
        let rest = record.endpoints ?? []
        var change = fileChanges(record.spec, from: rest + [gone], to: rest)
        // The way out leads over the next network, if it led over this one.
        if let next = networks.wayOut(of: rest), let network = try? networks.network(next.networkID) {
            change.interfaces = [Self.interface(next, hasIPv6: network.hasIPv6, isDefault: true)]
        }
        do throws(EngineError) {
            try await instance.monitor.changeNetwork(change)
        } catch  where error.code == .conflict {
            // It has ended meanwhile, and its network with it.
        }
        let id = record.id
        try await BlockingQueue.run { [networks] () throws(EngineError) in try networks.disconnect(id, gone) }
    }

    private func fileChanges(
        _ spec: WorkloadSpec, from old: [Endpoint], to new: [Endpoint]
    ) -> NetworkChange {
        var change = NetworkChange()
        change.files = GeneratedFiles.changes(
            for: spec, from: networkView(of: spec, old), to: networkView(of: spec, new))
        return change
    }

    private func checkAnswers(_ workload: Workload, _ instance: any WorkloadInstance) throws(EngineError) {
        guard workload.record.state == .paused, !instance.answersWhilePaused else { return }
        throw EngineError(
            .conflict, "the networks of '\(workload.record.name)' cannot change while it is paused",
            hint: "Unpause it first: tandem unpause \(workload.record.name).")
    }

    /// Takes an endpoint away that an earlier daemon has not finished giving, or taking.
    func finishChange(of workload: Workload) async throws(EngineError) {
        guard let gone = workload.record.changingEndpoint, let instance = workload.instance else { return }
        var changed = workload.record
        changed.endpoints?.removeAll { $0.id == gone.id }
        let network = try networks.network(gone.networkID)
        changed.spec.endpoints.removeAll { isSame($0, network) }
        try await leave(changed, gone, instance)
        changed.changingEndpoint = nil
        workload.record = changed
        try await state.save(changed)
    }

    /// Takes a workload off a network, also while it runs.
    public func disconnect(_ reference: String, from network: String, force: Bool) async throws(EngineError) {
        let workload = try find(reference)
        let network = try networks.network(network)
        try await exclusively(workload) { () throws(EngineError) in
            try checkMode(of: workload, network)
            guard workload.record.spec.endpoints.contains(where: { isSame($0, network) }) else {
                throw EngineError(
                    .permissionDenied, "container \(workload.id) is not connected to network \(network.name)",
                    hint: "`tandem inspect \(workload.record.name)` lists its networks.")
            }
            var changed = workload.record
            changed.spec.endpoints.removeAll { isSame($0, network) }
            let gone = changed.endpoints?.first { $0.networkID == network.id }
            changed.endpoints?.removeAll { $0.networkID == network.id }
            guard let instance = workload.instance, let gone else {
                try await state.save(changed)
                workload.record = changed
                return
            }
            try checkAnswers(workload, instance)
            workload.record.changingEndpoint = gone
            try await state.save(workload.record)
            try await leave(changed, gone, instance)
            workload.record = changed
            emitNetwork("disconnect", network, ["container": workload.id.description])
            try await state.save(changed)
        }
    }

    private func isSame(_ endpoint: EndpointSpec, _ network: NetworkRecord) -> Bool {
        endpoint.network == network.name || network.id.hasPrefix(endpoint.network)
    }

    private func checkMode(of workload: Workload, _ network: NetworkRecord) throws(EngineError) {
        guard !["host", "none"].contains(network.name) else {
            throw EngineError(
                .permissionDenied,
                "cannot disconnect container from or connect it to the network '\(network.name)'",
                hint: "It is chosen when a container is created.")
        }
        switch workload.record.spec.network {
        case .network: return
        case .host, .none, .joined:
            throw EngineError(
                .permissionDenied,
                "container cannot be connected to network endpoints: its network mode is \(workload.record.spec.network.rawValue)",
                hint: "Create it on a network instead.")
        }
    }
}
