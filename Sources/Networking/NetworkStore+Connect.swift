// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import Synchronization
public import TandemModel

extension NetworkStore {
    /// Finds a place on a further network for a workload that runs.
    public func connect(_ id: WorkloadID, _ wanted: EndpointSpec) throws(EngineError) -> NetworkAttachment {
        try state.withLock { state throws(EngineError) in
            var user = state.users[id] ?? User()
            let numbers = user.endpoints.compactMap { Int($0.interface.dropFirst(3)) }
            // The first name that is free inside.
            let number = (0...numbers.count).first { !numbers.contains($0) } ?? numbers.count
            var attachment = NetworkAttachment()
            attachment.group = scope.group
            var place = try place(id, wanted, number, &state)
            place.hasDefaultRoute =
                state.networks[place.endpoint.networkID].map { $0.isInternal } == false
                && !user.endpoints.contains { state.networks[$0.networkID]?.isInternal == false }
            attachment.places = [place]
            user.endpoints.append(place.endpoint)
            state.users[id] = user
            return attachment
        }
    }

    /// The endpoint over which a workload's way out leads: on its first network that has one.
    public func wayOut(of endpoints: [Endpoint]) -> Endpoint? {
        state.withLock { state in endpoints.first { state.networks[$0.networkID]?.isInternal == false } }
    }

    /// Gives one of a workload's places back.
    public func disconnect(_ id: WorkloadID, _ endpoint: Endpoint) throws(EngineError) {
        try state.withLock { state throws(EngineError) in
            guard var user = state.users[id], user.endpoints.contains(where: { $0.id == endpoint.id }) else { return }
            try remove(links: endpoint.hostLink.isEmpty ? [] : [endpoint.hostLink])
            user.endpoints.removeAll { $0.id == endpoint.id }
            state.users[id] = user.endpoints.isEmpty && user.published.isEmpty ? nil : user
            try withdrawNames(of: id, endpoint, state)
            state.giveBack(endpoint)
            if !user.published.isEmpty { try setRules(&state) }
        }
    }
}
