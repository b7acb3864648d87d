// SPDX-License-Identifier: Apache-2.0

import Engine
import ImageStore
import TandemModel

/// The filters of `docker ps`.
enum ContainerFilter {
    static func matches(
        _ snapshot: WorkloadSnapshot, _ filters: [String: [String]], images: ImageStore
    ) throws(EngineError) -> Bool {
        for (name, values) in filters {
            if try !matches(snapshot.record, name, values, images) { return false }
        }
        return true
    }

    private static func matches(
        _ record: WorkloadRecord, _ name: String, _ values: [String], _ images: ImageStore
    ) throws(EngineError) -> Bool {
        switch name {
        case "status":
            for value in values where WorkloadState(rawValue: value) == nil {
                throw EngineError(
                    .invalidArgument, "invalid filter 'status=\(value)'",
                    hint: "States are \(WorkloadState.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
            return values.contains(record.state.rawValue)
        case "health":
            for value in values where !["starting", "healthy", "unhealthy", "none"].contains(value) {
                throw EngineError(.invalidArgument, "Unrecognised filter value for health: \(value)")
            }
            return values.contains(record.health?.status.rawValue ?? "none")
        case "id": return values.contains { record.id.description.hasPrefix($0) }
        case "name": return values.contains { record.name.contains($0.hasPrefix("/") ? String($0.dropFirst()) : $0) }
        case "label": return values.allSatisfy { label($0, record.spec.labels) }
        case "exited": return record.state == .exited && values.contains(String(record.exit?.code ?? 0))
        case "ancestor":
            // An image that is not there is nobody's ancestor.
            return values.contains { (try? images.image($0).id) == record.spec.imageID }
        case "volume":
            return values.contains { value in
                record.spec.mounts.contains {
                    $0.target == value || $0.source == .volume(name: value) || $0.source == .bind(path: value)
                }
            }
        case "runtime": return values.contains(record.spec.kind.rawValue)
        case "network": return values.contains(record.spec.network.rawValue)
        default:
            throw EngineError(.invalidArgument, "invalid filter '\(name)'")
        }
    }

    static func label(_ wanted: String, _ labels: [String: String]) -> Bool {
        let parts = wanted.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2 ? labels[parts[0]] == parts[1] : labels[wanted] != nil
    }
}
