// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Glibc
import LaunchProtocol
import LinuxSystem
import Monitor
import SystemPackage
public import TandemModel

/// What a workload has written; both kinds list their writable layers themselves, since a VM's lies on its own disk.
extension Engine {
    /// What differs from the image, as `docker diff` shows it.
    public func changes(_ reference: String) async throws(EngineError) -> [FileChange] {
        let workload = try find(reference)
        let entries = try await withFiles(of: workload) { files throws(EngineError) in try await files.layer() }
        let plan = try plan(of: workload)
        let generated = LayerChanges.Generated(plan.monitor.launch)
        return try await BlockingQueue.run { [layers] () throws(EngineError) in
            try layers.withRoot(of: plan.request.layers) { image throws(EngineError) in
                LayerChanges.find(entries, image: image, generated: generated)
            }
        }
    }

    /// Packs the whole root of a workload, without what is mounted in it.
    ///
    /// `receive` gets the bytes as they come.
    public func export(
        _ reference: String, _ receive: @Sendable ([UInt8]) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        let workload = try find(reference)
        let generated = try plan(of: workload).monitor.launch.files.map(\.path)
        try await withFiles(of: workload) { files throws(EngineError) in
            try await files.packRoot(emptied: generated, receive)
        }
        emit("export", workload)
    }

    /// The plan of a workload's last start, or of its next one.
    func plan(of workload: Workload) throws(EngineError) -> WorkloadPlan {
        if let plan = workload.plan { return plan }
        return try backend(of: workload).plan(try request(workload.id, workload.record.spec, making: false))
    }
}

extension FileAccess {
    /// Everything in the writable layer.
    func layer() async throws(EngineError) -> [LayerEntry] {
        var bytes: Bytes = []
        try await run(.listLayer, [], "the writable layer cannot be listed") { (piece) throws(EngineError) in
            bytes += piece
        }
        do {
            return try LayerEntry.list(decoding: bytes)
        } catch {
            throw EngineError(.internal, "the list of the writable layer cannot be read", cause: error)
        }
    }

    /// Packs the root; files of the paths `emptied` are packed without their content.
    func packRoot(
        emptied: [Bytes], _ receive: ([UInt8]) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        try await run(.packRoot, emptied, "the root cannot be packed", receive)
    }

    func run(
        _ program: ProcessPlan.Program, _ arguments: [Bytes], _ failure: String,
        _ receive: ([UInt8]) async throws(EngineError) -> Void
    ) async throws(EngineError) {
        var plan = ProcessLowering.helper([], like: process)
        plan.program = program
        plan.arguments = arguments
        let session = try await monitor.execute(plan)
        defer { session.close() }
        session.closeInput()
        var errors: [UInt8] = []
        while let piece = await session.nextOutput() {
            switch piece {
            case .standardOutput(let bytes): try await receive(bytes)
            case .standardError(let bytes): errors += bytes.prefix(2_000 - min(2_000, errors.count))
            }
        }
        guard try await session.waitForExit().code == 0 else {
            let reason = String(decoding: errors, as: UTF8.self)
            throw EngineError(.internal, "\(failure): \(reason.isEmpty ? "the workload has ended" : reason)")
        }
    }
}
