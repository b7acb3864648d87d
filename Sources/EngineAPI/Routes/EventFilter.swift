// SPDX-License-Identifier: Apache-2.0

import Engine
import OCI

/// The filters of `docker events` (moby, daemon/events/filter.go).
///
/// Values of one filter are alternatives; all filters have to fit. As with dockerd, unknown ones say nothing.
struct EventFilter {
    private let filters: [String: [String]]

    init(_ filters: [String: [String]]) { self.filters = filters.filter { !$0.value.isEmpty } }

    func includes(_ event: EngineEvent) -> Bool {
        fits("type", event.type) && fits("scope", "local") && fitsAction(event.action) && fitsImage(event)
            && fitsLabels(event.attributes) && fitsNames(event)
    }

    private func fits(_ name: String, _ value: String) -> Bool { filters[name]?.contains(value) ?? true }

    private func fitsAction(_ action: String) -> Bool {
        guard let wanted = filters["event"] else { return true }
        // These have their subject behind a colon.
        let isOpen = wanted.contains { ["health_status", "exec_create", "exec_start"].contains($0) }
        return wanted.contains { isOpen ? action.hasPrefix($0) : action == $0 }
    }

    /// A filter by the name of a type takes the beginning of the object's id or name.
    private func fitsNames(_ event: EngineEvent) -> Bool {
        let types = ["daemon", "container", "plugin", "volume", "network", "service", "node", "secret", "config"]
        let name = event.attributes["name"] ?? ""
        return types.allSatisfy { type in
            filters[type]?.contains { event.id.hasPrefix($0) || name.hasPrefix($0) } ?? true
        }
    }

    /// By id or name, with or without the tag; for a container's event, those of its image.
    private func fitsImage(_ event: EngineEvent) -> Bool {
        guard let wanted = filters["image"] else { return true }
        let name = event.attributes[event.type == "image" ? "name" : "image"] ?? ""
        // What is no reference has no name without a tag.
        let names = [event.id, name] + [event.id, name].compactMap { (try? Reference($0))?.familiarName }
        return wanted.contains(where: names.contains)
    }

    private func fitsLabels(_ attributes: [String: String]) -> Bool {
        filters["label"]?.allSatisfy { ContainerFilter.label($0, attributes) } ?? true
    }
}
