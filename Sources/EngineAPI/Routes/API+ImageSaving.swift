// SPDX-License-Identifier: Apache-2.0

import CLinux
import Engine
import Glibc
import ImageStore
import LinuxSystem
import TandemModel

extension API {
    /// `docker save`: one image by the path, or several by `names`.
    func saveImages(_ call: Call) async throws(EngineError) {
        let name = call["name"]
        // The old form joins names by commas; clients since API 1.8 repeat the parameter.
        let names =
            name.isEmpty ? (call.request.query["names"] ?? []).flatMap { $0.split(separator: ",") } : [name[...]]
        guard !names.isEmpty else {
            throw EngineError(.invalidArgument, "no image is named", hint: "Name at least one.")
        }
        let selected = try engine.images.selection(names.map(String.init))
        for selection in selected { try Self.checkPlatform(call, selection.image) }
        try await sendArchive(call) { [images = engine.images] descriptor throws(EngineError) in
            try images.save(selected, to: descriptor)
        }
        await engine.reportImages(selected.map(\.image), "save")
    }

    /// Sends what `write` writes into a pipe, on a thread of its own.
    ///
    /// A failure before the first byte is told as any other; later a connection that breaks off is all that can say it.
    private func sendArchive(
        _ call: Call, _ write: @escaping @Sendable (Int32) throws(EngineError) -> Void
    ) async throws(EngineError) {
        let (reading, writing) = try BytePipe.open(for: "archive")
        let task = Task { () -> Result<Void, EngineError> in
            do throws(EngineError) {
                try await BlockingQueue.run { () throws(EngineError) in
                    defer { close(writing) }
                    try write(writing)
                }
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        var problem: EngineError?
        do throws(EngineError) {
            while true {
                let bytes = await BlockingQueue.run { Self.read(reading) }
                guard !bytes.isEmpty else { break }
                if !call.connection.hasResponded { try await call.connection.begin(type: "application/x-tar") }
                try await call.connection.send(bytes)
            }
        } catch {
            problem = error
        }
        // A writer that is not done fails at its next piece.
        close(reading)
        let result = await task.value
        if let problem { throw problem }
        try result.get()
        try await call.connection.end()
    }

    private static func read(_ descriptor: Int32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 1 << 18) { buffer, count in
            var result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            while result < 0 && errno == EINTR { result = Glibc.read(descriptor, buffer.baseAddress, buffer.count) }
            count = max(0, result)
        }
    }
}
