// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
public import TandemModel

extension Engine {
    /// What happened lately, and everything that happens from now on, or until a point in time.
    public func events(until end: Timestamp? = nil) -> (past: [EngineEvent], live: AsyncStream<EngineEvent>) {
        let number = number()
        let (stream, continuation) = AsyncStream.makeStream(
            of: EngineEvent.self, bufferingPolicy: .bufferingNewest(1_024))
        let timer = end.map { end in
            Task {
                // Cancelled when the listener goes.
                try? await Task.sleep(for: .nanoseconds(max(0, end.nanoseconds - HostTime.now.nanoseconds)))
                continuation.finish()
            }
        }
        continuation.onTermination = { [weak self] _ in
            timer?.cancel()
            Task { await self?.forgetListener(number) }
        }
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

    /// Reports something about a workload that somebody else has done to it; nothing if it is gone.
    public func emit(_ action: String, of reference: String, attributes: [String: String] = [:]) {
        guard let workload = try? find(reference) else { return }  // removed meanwhile: `destroy` was the last event
        emit(action, workload, attributes)
    }

    /// Reports something about an image or volume, or about many objects if there is no id.
    public func emit(type: String, action: String, id: String = "", attributes: [String: String] = [:]) {
        emit(EngineEvent(type: type, action: action, id: id, attributes: attributes, time: HostTime.now))
    }

    /// Reports something about a volume.
    func emitVolume(_ action: String, _ name: String) {
        emit(type: "volume", action: action, id: name, attributes: ["driver": "local"])
    }

    /// Reports that a workload has got its volumes.
    func emitMounts(of workload: Workload) {
        for mount in workload.record.spec.mounts {
            guard case .volume(let name) = mount.source else { continue }
            emit(
                type: "volume", action: "mount", id: name,
                attributes: [
                    "driver": "local", "container": workload.id.description, "destination": mount.target,
                    "read/write": String(!mount.readOnly), "propagation": "",
                ])
        }
    }

    /// Reports that a workload has lost its volumes.
    func emitUnmounts(of workload: Workload) {
        for mount in workload.record.spec.mounts {
            guard case .volume(let name) = mount.source else { continue }
            emit(
                type: "volume", action: "unmount", id: name,
                attributes: ["driver": "local", "container": workload.id.description])
        }
    }

    private func emit(_ event: EngineEvent) {
        recentEvents.append(event)
        if recentEvents.count > 256 { recentEvents.removeFirst() }
        for listener in eventListeners.values { listener.yield(event) }
    }
}
