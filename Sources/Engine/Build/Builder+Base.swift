// SPDX-License-Identifier: Apache-2.0

import ImageStore
import TandemModel

extension Builder {
    /// The image that a stage begins with, or copies from; the client sees how it comes.
    func baseImage(_ name: String, platform: String) async throws(EngineError) -> Image {
        let (messages, continuation) = AsyncStream.makeStream(of: TransferMessage.self)
        let (engine, request) = (engine, request)
        return try await control.run { () throws(EngineError) in
            defer { continuation.finish() }
            return try await engine.baseImage(name, platform: platform, request) { continuation.yield($0) }
        } meanwhile: {
            for await message in messages { await sendMessage(.transfer(message)) }
        }
    }
}
