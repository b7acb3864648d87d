// SPDX-License-Identifier: Apache-2.0

import TandemModel

extension Engine {
    /// Sees to it that the workloads whose namespaces one joins can be joined, in dockerd's words.
    func checkJoined(_ workload: Workload) throws(EngineError) {
        let spec = workload.record.spec
        if case .joined(let id) = spec.network {
            let donor = try find(id.description)
            try check(donor, for: spec, failing: "cannot join network of container \(id): ")
            guard donor.record.spec.network.isPrivate else {
                throw EngineError(
                    .conflict, "container sharing network namespace with another container or host cannot be joined",
                    hint: "Join '\(donor.record.name)''s own donor, or use --network host.")
            }
        }
        if case .joined(let id) = spec.namespaces.processes {
            try check(try find(id.description), for: spec, failing: "")
        }
        if case .joined(let id) = spec.namespaces.communication {
            let donor = try find(id.description)
            let failing = "can't join IPC of container \(id): "
            try check(donor, for: spec, failing: failing)
            guard donor.record.spec.namespaces.communication == .shareable else {
                throw EngineError(
                    .conflict, "\(failing)non-shareable IPC (hint: use IpcMode:shareable for the donor container)",
                    hint: "Create '\(donor.record.name)' with --ipc shareable.")
            }
        }
    }

    private func check(_ donor: Workload, for spec: WorkloadSpec, failing: String) throws(EngineError) {
        guard donor.record.spec.kind == spec.kind else {
            throw EngineError(
                .unsupported, "\(failing)container \(donor.id) is of another kind, with a kernel of its own",
                hint: "Join one of the same kind.")
        }
        guard donor.instance != nil else {
            throw EngineError(
                .conflict, "\(failing)container \(donor.id) is not running", hint: "tandem start \(donor.record.name)")
        }
    }
}
