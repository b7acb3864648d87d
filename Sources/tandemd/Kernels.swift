// SPDX-License-Identifier: Apache-2.0

import EngineAPI
import FoundationEssentials
import MachineBackend
import SystemPackage
import TandemModel

/// The guest kernels, as the API shows them.
struct Kernels: KernelChoice {
    let store: KernelStore

    func list() async throws(EngineError) -> [KernelEntry] {
        let kernels = store.all()
        // Without any kernel none is in use.
        let used = try? store.current().name
        return kernels.map { kernel in
            let files = [kernel.image] + kernel.modules
            return KernelEntry(
                name: kernel.name, release: kernel.release, size: files.reduce(0) { $0 + Self.size($1) },
                isUsed: kernel.name == used)
        }
    }

    func use(_ name: String) async throws(EngineError) { try store.use(name) }

    private static func size(_ path: FilePath) -> UInt64 {
        // A file that is gone has no size.
        let attributes = try? FileManager.default.attributesOfItem(atPath: path.string)
        return attributes?[.size] as? UInt64 ?? 0
    }
}
