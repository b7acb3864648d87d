// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import ImageStore
import TandemModel

extension API {
    func listContainers(_ call: Call) async throws(EngineError) {
        let filter = try ContainerFilter(try call.request.filters())
        let chosen = try filter.select(
            await engine.snapshots(), all: call.request.flag("all"), limit: try call.request.number("limit") ?? 0,
            images: engine.images)
        let withSize = call.request.flag("size")
        var rows: [JSONValue] = []
        // Most of a long list are of few images.
        var owners: [String: String] = [:]
        for snapshot in chosen {
            let spec = snapshot.record.spec
            var row = ContainerDocument.summary(snapshot, volumes: engine.volumes)
            // A name that has gone on to another image would mislead.
            let owner = owners[spec.imageReference] ?? (try? engine.images.image(spec.imageReference).id) ?? ""
            owners[spec.imageReference] = owner
            if owner != spec.imageID {
                row["Image"] = .string(spec.imageID)
            }
            if withSize {
                guard let sizes = try await sizes(of: snapshot) else { continue }
                row["SizeRw"] = .count(sizes.written)
                row["SizeRootFs"] = .count(sizes.whole)
            }
            rows.append(row)
        }
        try await call.connection.respond(.array(rows))
    }
}
