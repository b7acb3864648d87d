// SPDX-License-Identifier: Apache-2.0

import Backend
import ImageStore
import LinuxSystem
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
        let image = try images.image(spec.imageID)
        var spec = spec
        let id = WorkloadID.random()
        if spec.hostname.isEmpty { spec.hostname = spec.network == .host ? HostInformation.hostname : id.short }
        // Checked against the final plan before anything is made.
        let made = try nameVolumes(of: &spec, imageID: image.id)
        do throws(EngineError) {
            _ = try backend.plan(try request(id, spec))
            let record = WorkloadRecord(id: id, name: try freeName(name), spec: spec, created: HostTime.now)
            let workload = Workload(record)
            // The name is taken before the first suspension.
            workloads[id] = workload
            names[record.name] = id
            do throws(EngineError) {
                try await state.save(record)
            } catch {
                workloads[id] = nil
                names[record.name] = nil
                throw error
            }
            emit("create", workload)
            return record
        } catch {
            for name in made {
                // The first error is what matters; a volume that stays is seen by `volume ls`.
                try? volumes.remove(name, users: [])
            }
            throw error
        }
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
                    "Conflict. The container name \"/\(wanted)\" is already in use by container \"\(owner)\".",
                    hint: "Remove or rename that container: tandem rm \(wanted)")
            }
            return wanted
        }
        while true {
            let name = RandomName.next()
            if names[name] == nil { return name }
        }
    }

    /// Makes the volumes that a workload names, and anonymous ones for those without a name.
    ///
    /// - Returns: The names of those that did not exist before.
    private func nameVolumes(of spec: inout WorkloadSpec, imageID: String) throws(EngineError) -> [String] {
        var made: [String] = []
        let present = Set(volumes.all.map(\.name))
        for index in spec.mounts.indices {
            guard case .volume(let name) = spec.mounts[index].source else { continue }
            let volume = try volumes.create(name: name.isEmpty ? nil : name)
            if !present.contains(volume.name) { made.append(volume.name) }
            spec.mounts[index].source = .volume(name: volume.name)
            if name.isEmpty { spec.mounts[index].anonymous = true }
        }
        return made
    }

    /// Everything that a backend needs to know.
    func request(_ id: WorkloadID, _ spec: WorkloadSpec) throws(EngineError) -> WorkloadRequest {
        let image = try images.image(spec.imageID)
        var mounts: [ResolvedMount] = []
        for mount in spec.mounts { mounts.append(try resolve(mount)) }
        return WorkloadRequest(
            id: id, spec: spec, layers: image.layers.map { LayerFile(diffID: $0.diffID, path: $0.path) },
            mounts: mounts,
            files: GeneratedFiles.make(for: spec), dataDirectory: paths.dataDirectory(id),
            runDirectory: paths.runDirectory(id))
    }
}
