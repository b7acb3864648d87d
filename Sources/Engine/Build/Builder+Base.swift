// SPDX-License-Identifier: Apache-2.0

import ImageStore
import TandemModel

extension Builder {
    /// The image that a stage begins with, or copies from; the client sees how it comes.
    func baseImage(_ name: String, platform: String) async throws(EngineError) -> Image {
        let (messages, continuation) = AsyncStream.makeStream(of: TransferMessage.self)
        let (engine, request) = (engine, request)
        let task = Task { () -> Result<Image, EngineError> in
            defer { continuation.finish() }
            do throws(EngineError) {
                return .success(
                    try await engine.baseImage(name, platform: platform, request) { continuation.yield($0) })
            } catch {
                return .failure(error)
            }
        }
        control.onCancel { task.cancel() }
        for await message in messages { await sendMessage(.transfer(message)) }
        let result = await task.value
        control.onCancel(nil)
        try control.check()
        return try result.get()
    }
}
