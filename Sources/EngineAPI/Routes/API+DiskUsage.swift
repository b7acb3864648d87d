// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import LinuxSystem
import SystemPackage
import TandemModel
import VolumeStore

extension API {
    /// `docker system df`: what takes room, and what of it nobody uses.
    func diskUsage(_ call: Call) async throws(EngineError) {
        let known = ["container", "image", "volume", "build-cache"]
        let types = call.request.query["type"] ?? known
        for type in types where !known.contains(type) {
            throw EngineError(
                .invalidArgument, "unknown object type: \(type)", hint: "Known are \(known.joined(separator: ", ")).")
        }
        var document: JSONValue = ["BuilderSize": 0]
        let snapshots = await engine.snapshots()
        if types.contains("image") {
            document["LayersSize"] = .count(engine.images.layerSizes.values.reduce(0, +))
            document["Images"] = .array(imageRows(call, snapshots))
        }
        if types.contains("container") { document["Containers"] = .array(try await containerRows(snapshots)) }
        if types.contains("volume") { document["Volumes"] = .array(await volumeRows(snapshots)) }
        if types.contains("build-cache") { document["BuildCache"] = [] }
        try await call.connection.respond(document)
    }

    private func imageRows(_ call: Call, _ snapshots: [WorkloadSnapshot]) -> [JSONValue] {
        let images = engine.images.images
        let sharing = LayerSharing(images)
        return images.map { image in
            let extras = ImageDocument.Extras(
                sharedSize: sharing.sharedSize(of: image),
                containers: snapshots.count { $0.record.spec.imageID == image.id },
                isOld: call.request.isOlder(than: 1, 44))
            return ImageDocument.summary(image, names: .init(tags: image.references, digests: image.digests), extras)
        }
    }

    private func containerRows(_ snapshots: [WorkloadSnapshot]) async throws(EngineError) -> [JSONValue] {
        var rows: [JSONValue] = []
        for snapshot in snapshots {
            guard let sizes = try await sizes(of: snapshot) else { continue }
            var row = ContainerDocument.summary(snapshot, volumes: engine.volumes)
            row["SizeRw"] = .count(sizes.written)
            row["SizeRootFs"] = .count(sizes.whole)
            rows.append(row)
        }
        return rows
    }

    /// What a workload has written, and that with its image; `nil` if it has been removed since it was listed.
    func sizes(of snapshot: WorkloadSnapshot) async throws(EngineError) -> (written: UInt64, whole: UInt64)? {
        do throws(EngineError) {
            let written = try await engine.writtenSize(snapshot.record.id.description)
            return (written, written + (try engine.images.usedImage(snapshot.record.spec.imageID).size))
        } catch  where error.code == .notFound {
            return nil
        }
    }

    private func volumeRows(_ snapshots: [WorkloadSnapshot]) async -> [JSONValue] {
        var users: [String: Int] = [:]
        for snapshot in snapshots {
            let names = snapshot.record.spec.mounts.compactMap { mount -> String? in
                if case .volume(let name) = mount.source { name } else { nil }
            }
            for name in Set(names) { users[name, default: 0] += 1 }
        }
        var rows: [JSONValue] = []
        for volume in engine.volumes.all {
            let path = engine.volumes.path(of: volume)
            // What is mounted from elsewhere takes no room here.
            let size =
                volume.options.isEmpty ? await BlockingQueue.run { Int64(clamping: ContentSize(of: path).bytes) } : -1
            var row = document(volume)
            row["UsageData"] = ["Size": .integer(size), "RefCount": .count(users[volume.name] ?? 0)]
            rows.append(row)
        }
        return rows
    }
}
