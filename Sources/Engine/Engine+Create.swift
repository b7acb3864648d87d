// SPDX-License-Identifier: Apache-2.0

import Backend
import ImageStore
import LinuxSystem
import Monitor
import Networking
import StateStore
public import TandemModel
import VolumeStore

extension Engine {
    /// Creates a workload without starting it.
    ///
    /// `name` of `nil` draws one. Nothing is changed if the host cannot run it.
    public func create(name: String?, _ spec: WorkloadSpec) async throws(EngineError) -> WorkloadRecord {
        if let name { try checkName(name) }
        let backend = try backend(for: spec.kind)
        _ = try images.image(spec.imageID)
        var spec = spec
        let id = WorkloadID.random()
        if spec.hostname.isEmpty { spec.hostname = spec.network == .host ? HostInformation.hostname : id.short }
        let missing = try nameVolumes(of: &spec)
        // Checked against the final plan before anything is made.
        let request = try request(id, spec, making: false)
        _ = try backend.plan(request)
        try checkNetworks(of: spec)
        var record = WorkloadRecord(id: id, name: try freeName(name), spec: spec, created: HostTime.now)
        record.doomedVolumes = missing
        return try await register(Workload(record), request)
    }

    private func register(
        _ workload: Workload, _ request: WorkloadRequest
    ) async throws(EngineError) -> WorkloadRecord {
        // The name is taken, and the volumes have a user, before the first suspension; who finds it waits at the gate.
        workloads[workload.id] = workload
        names[workload.record.name] = workload.id
        await workload.gate.enter()
        defer { workload.gate.leave() }
        do throws(EngineError) {
            // Before anything is made: what stays unfinished, the next daemon takes back.
            try await state.save(workload.record)
            if workload.record.doomedVolumes != nil {
                try makeVolumes(of: workload.record.spec)
                try await fillVolumes(request)
                var finished = workload.record
                finished.doomedVolumes = nil
                try await state.save(finished)
                workload.record = finished
            }
        } catch {
            var reported = error
            do throws(EngineError) {
                try await takeBack(workload)
            } catch {
                reported.cleanupFailures.append(.init(step: "take it back", message: error.message))
            }
            throw reported
        }
        emit("create", workload)
        return workload.record
    }

    /// Undoes the making of a workload, as far as it had come.
    ///
    /// The gate is closed, or nobody else is there yet.
    func takeBack(_ workload: Workload) async throws(EngineError) {
        workload.isRemoved = true
        workloads[workload.id] = nil
        names[workload.record.name] = nil
        resume(&workload.exitWaiters, with: nil)
        resume(&workload.removalWaiters, with: nil)
        try await takeBack(workload.record.doomedVolumes ?? [])
        // Last: as long as it is there, the next daemon does all this again.
        try await state.remove(workload.id)
    }

    /// Docker's rule for names: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
    func checkName(_ name: String) throws(EngineError) {
        func isWord(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        }
        let bytes = Array(name.utf8)
        guard bytes.count >= 2, bytes.count <= 255, isWord(bytes[0]),
            bytes.allSatisfy({ isWord($0) || [0x5F, 0x2E, 0x2D].contains($0) })
        else {
            throw EngineError(
                .invalidArgument, "Invalid container name (\(name)), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                hint: "Use letters, digits, '_', '.' and '-'.")
        }
    }

    func freeName(_ wanted: String?) throws(EngineError) -> String {
        if let wanted {
            if let owner = names[wanted] {
                throw EngineError(
                    .conflict,
                    "Conflict. The container name \"/\(wanted)\" is already in use by container \"\(owner)\". You have to remove (or rename) that container to be able to reuse that name.",
                    hint: "Remove or rename that container: tandem rm \(wanted)")
            }
            return wanted
        }
        while true {
            let name = RandomName.next()
            if names[name] == nil { return name }
        }
    }

    /// Everything that a backend needs to know.
    ///
    /// `making` says whether folders of the host are made that are missing: for a start.
    ///
    /// `attachment` is where it is on its networks: for a start.
    func request(
        _ id: WorkloadID, _ spec: WorkloadSpec, making: Bool, _ attachment: NetworkAttachment = NetworkAttachment()
    ) throws(EngineError) -> WorkloadRequest {
        let image = try images.usedImage(spec.imageID)
        var mounts: [ResolvedMount] = []
        for mount in spec.mounts { mounts.append(try resolve(mount, making: making)) }
        var request = WorkloadRequest(
            id: id, spec: spec, layers: image.stack.map { LayerFile(diffID: $0.diffID, path: $0.path) },
            mounts: mounts,
            files: GeneratedFiles.make(for: spec, networkView(of: spec, attachment.places.map(\.endpoint))),
            dataDirectory: paths.dataDirectory(id),
            runDirectory: paths.runDirectory(id))
        request.links = attachment.places.map { link($0, attachment) }
        request.reservations = attachment.reservations
        request.name = workloads[id]?.record.name ?? ""
        var joinedWorkloads = spec.namespaces.joinedWorkloads
        if case .joined(let donor) = spec.network { joinedWorkloads.append(donor) }
        for joined in joinedWorkloads {
            request.joinedProcesses[joined] = workloads[joined]?.instance?.monitor.processID
        }
        return request
    }
}
