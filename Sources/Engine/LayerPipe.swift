// SPDX-License-Identifier: Apache-2.0

import LinuxSystem
import TandemModel

/// Lets bytes that come from a workload be read from a descriptor.
enum LayerPipe {
    /// Calls `reader` with a descriptor that gives what `writer` sends.
    ///
    /// What fails first is thrown.
    static func run<Value: Sendable>(
        from writer: (_ send: ([UInt8]) async throws(EngineError) -> Void) async throws(EngineError) -> Void,
        to reader: @escaping @Sendable (Int32) async throws(EngineError) -> Value
    ) async throws(EngineError) -> Value {
        try await BytePipe.run(
            for: "layer",
            from: { (descriptor) async throws(EngineError) in
                try await writer { (bytes) throws(EngineError) in
                    guard await BlockingQueue.run({ BytePipe.write(bytes, to: descriptor) }) else {
                        throw EngineError(.internal, "the layer is not read to its end")
                    }
                }
            }, to: reader)
    }
}
