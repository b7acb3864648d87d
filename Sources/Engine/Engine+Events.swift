// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel

extension Engine {
    /// What happened lately, and everything that happens from now on.
    public func events() -> (past: [EngineEvent], live: AsyncStream<EngineEvent>) {
        let number = number()
        let (stream, continuation) = AsyncStream.makeStream(
            of: EngineEvent.self, bufferingPolicy: .bufferingNewest(1_024))
        continuation.onTermination = { [weak self] _ in Task { await self?.forgetListener(number) } }
        eventListeners[number] = continuation
        return (recentEvents, stream)
    }

    private func forgetListener(_ number: UInt64) { eventListeners[number] = nil }

    func emit(_ action: String, _ workload: Workload, _ extra: [String: String] = [:]) {
        let record = workload.record
        var attributes = record.spec.labels
        attributes["name"] = record.name
        attributes["image"] = record.spec.imageReference
        emit(
            EngineEvent(
                type: "container", action: action, id: record.id.description,
                attributes: attributes.merging(extra) { $1 },
                time: HostTime.now))
    }

    /// Reports something about an image or volume.
    public func emit(type: String, action: String, id: String, attributes: [String: String] = [:]) {
        emit(EngineEvent(type: type, action: action, id: id, attributes: attributes, time: HostTime.now))
    }

    private func emit(_ event: EngineEvent) {
        recentEvents.append(event)
        if recentEvents.count > 256 { recentEvents.removeFirst() }
        for listener in eventListeners.values { listener.yield(event) }
    }
}
