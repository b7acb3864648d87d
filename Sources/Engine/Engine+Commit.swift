// SPDX-License-Identifier: Apache-2.0

import Backend
import Glibc
public import ImageStore
import LaunchProtocol
import LinuxSystem
import Monitor
import OCI
import SystemPackage
public import TandemModel

extension Engine {
    /// Makes an image of a workload's own image and of what it has written, running or not.
    ///
    /// `pauses` freezes a running one meanwhile.
    public func commit(
        _ reference: String, as step: ImageExtension, pauses: Bool
    ) async throws(EngineError) -> Image {
        let workload = try find(reference)
        let parent = try images.usedImage(workload.record.spec.imageID)
        let image = try await withStillFiles(of: workload, pauses: pauses) { (files, freezes) throws(EngineError) in
            try await addLayer(of: workload, files, to: parent, by: step, freezes: freezes)
        }
        emit(
            "commit", workload,
            ["comment": step.comment, "imageID": image.id, "imageRef": step.reference?.description ?? ""])
        if let name = step.reference?.description { emitTag(image, name) }
        return image
    }

    /// Reaches the files of a workload that does not run, or stands still.
    ///
    /// `body` is told whether the executor has to freeze the workload itself.
    private func withStillFiles<Value: Sendable>(
        of workload: Workload, pauses: Bool,
        _ body: (FileAccess, _ freezes: Bool) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        guard let instance = workload.instance, let plan = workload.plan else {
            return try await withFiles(of: workload) { files throws(EngineError) in try await body(files, false) }
        }
        let files = FileAccess(monitor: instance.monitor, process: plan.monitor.launch.process)
        guard workload.record.state == .running else {
            return try await withFiles(of: workload) { files throws(EngineError) in try await body(files, false) }
        }
        guard pauses else { return try await body(files, false) }
        // Its own kernel freezes a workload that would take that kernel along.
        guard instance.answersWhilePaused else { return try await body(files, true) }
        let id = workload.id.description
        try await pause(id)
        let result: Result<Value, EngineError>
        do throws(EngineError) {
            result = .success(try await body(files, false))
        } catch {
            result = .failure(error)
        }
        // Somebody may have killed it, or let it go on, meanwhile.
        if workload.record.state == .paused { try await unpause(id) }
        return try result.get()
    }

    /// Puts what a workload has written into the store as a layer.
    func addLayer(
        of workload: Workload, _ files: FileAccess, to parent: Image?, by step: ImageExtension, freezes: Bool,
        latestTime: Int64? = nil
    ) async throws(EngineError) -> Image {
        let plan = try plan(of: workload)
        let generated = LayerChanges.Generated(plan.monitor.launch)
        let entries = try await files.layer()
        let found = try await BlockingQueue.run { [layers] () throws(EngineError) in
            try layers.withRoot(of: plan.request.layers) { image throws(EngineError) in
                LayerChanges.find(entries, image: image, generated: generated)
            }
        }
        let changed = Set(found.map(\.path))
        var arguments = [Bytes((freezes ? "freeze" : "").utf8)]
        arguments += generated.all.map { Bytes("-".utf8) + $0 }
        // Folders that only hold what the engine has put there.
        for entry in entries where entry.isFolder && generated.needsFolder(entry.path) {
            guard !changed.contains("/" + String(decoding: entry.path, as: UTF8.self)) else { continue }
            arguments.append(Bytes("~".utf8) + entry.path)
        }
        if let latestTime { arguments.append(Bytes("@\(max(0, latestTime))".utf8)) }
        let images = images
        return try await LayerPipe.run { (send) throws(EngineError) in
            try await files.packLayer(arguments, send)
        } to: { descriptor throws(EngineError) in
            try await images.extend(parent, by: step, layer: descriptor)
        }
    }
}

extension FileAccess {
    /// Packs the writable layer; the arguments are those of `ProcessPlan.Program.packLayer`.
    fileprivate func packLayer(
        _ arguments: [Bytes], _ receive: ([UInt8]) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        try await run(.packLayer, arguments, "the writable layer cannot be packed", receive)
    }
}
