// SPDX-License-Identifier: Apache-2.0

import Backend
import CLinux
import Glibc
public import ImageStore
import LinuxSystem
import OCI
import SystemPackage
public import TandemModel

extension Engine {
    /// Builds an image out of a context, which goes with that.
    ///
    /// Steps that were carried out stay as images without a name, from which a later build may take them over; nothing else
    /// stays of a build that fails or is given up.
    public nonisolated func build(
        _ request: BuildRequest, context: BuildContext, control: BuildControl,
        send: @escaping @Sendable (BuildMessage) async -> Void
    ) async throws(EngineError) -> Image {
        let result: Result<Image, EngineError>
        do throws(EngineError) {
            let builder = try Builder(
                engine: self, request: request, context: context, control: control, send: send)
            result = .success(try await builder.build())
        } catch {
            result = .failure(error)
        }
        await images.remove(context)
        return try result.get()
    }

    /// The image that a build begins with, or copies from.
    nonisolated func baseImage(
        _ name: String, platform: String, _ request: BuildRequest,
        report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> Image {
        let own = ImageConfiguration(created: nil, config: nil, diffIDs: [], history: [])
        let wanted = platform.lowercased().split(separator: "/").map(String.init)
        guard wanted.isEmpty || wanted[0] == own.os && (wanted.count < 2 || wanted[1] == own.architecture) else {
            throw EngineError(
                .unsupported, "the platform '\(platform)' is not this machine's, \(own.os)/\(own.architecture)",
                hint: "Leave --platform out.")
        }
        if !request.pulls {
            do throws(EngineError) {
                return try images.image(name)
            } catch  where error.code == .notFound {
                // It is fetched.
            }
        }
        try await request.fetch(try Reference(name), report)
        return try images.image(name)
    }

    /// Calls a body with the root of an image's files; -1 stands for those of the empty image.
    ///
    /// Blocks.
    nonisolated func withRoot<Value>(
        of image: Image?, _ body: (Int32) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        guard let image, !image.stack.isEmpty else { return try body(-1) }
        return try layers.withRoot(
            of: image.stack.map { LayerFile(diffID: $0.diffID, path: $0.path) }, body)
    }

    /// Calls a body with the root of a context's files.
    ///
    /// Blocks.
    nonisolated func withContext<Value>(
        _ context: BuildContext, _ body: (Int32) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        let name = context.file.removingLastComponent().lastComponent?.string ?? ""
        let layer = LayerFile(
            diffID: "context:\(UInt64(name).map { String($0, radix: 16) } ?? name)", path: context.file)
        let targets = try layers.acquire([layer])
        defer { layers.release(targets) }
        let root = targets[0].withPlatformString {
            tandem_openat(AT_FDCWD, $0, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        }
        guard root >= 0 else { throw EngineError(.internal, "the build's context cannot be opened") }
        defer { close(root) }
        return try body(root)
    }
}
