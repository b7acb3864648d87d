// SPDX-License-Identifier: Apache-2.0

import Backend
import Dispatch
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import TandemModel

/// The image layers that are mounted on the host, each once for all containers that start from it.
///
/// A container's own mount namespace keeps its layers alive; the host's mount is needed only while one starts. It lingers
/// for the next start and is then unmounted.
final class LayerMounts: Sendable {
    private struct State {
        var mounted: [FilePath: (users: Int, lastUse: UInt64)] = [:]
        var isSweepPlanned = false
    }

    private static let linger: UInt64 = 3_000_000_000

    private let folder: FilePath
    private let state = Mutex(State())

    /// The name of a layer's mount point: short, since the paths of all layers have to fit one page (mount(2)).
    static func name(of layer: LayerFile) -> String { String(layer.diffID.drop { $0 != ":" }.dropFirst().prefix(16)) }

    /// Unmounts what an earlier daemon has left.
    init(folder: FilePath) throws(EngineError) {
        self.folder = folder
        try Folders.make(folder, mode: 0o700)
        for name in Folders.names(in: folder) {
            try MountPoint.detach(folder.appending(name))
            try Folders.remove(folder.appending(name))
        }
    }

    /// Mounts what is not mounted yet; `release` has to follow.
    ///
    /// Blocks.
    ///
    /// - Returns: The folders, in the order of the layers.
    func acquire(_ layers: [LayerFile]) throws(EngineError) -> [FilePath] {
        let targets = layers.map { folder.appending(Self.name(of: $0)) }
        let result: Result<Void, EngineError> = state.withLock { state in
            do throws(EngineError) {
                for (layer, target) in zip(layers, targets) {
                    if state.mounted[target] == nil {
                        try Folders.make(target, mode: 0o700)
                        try MountPoint.mountErofs(layer.path, on: target)
                    }
                    state.mounted[target, default: (0, 0)].users += 1
                }
                return .success(())
            } catch {
                // Those that were acquired above stay for the sweep.
                for target in targets { state.mounted[target]?.users -= 1 }
                return .failure(error)
            }
        }
        if case .failure = result { planSweep() }
        try result.get()
        return targets
    }

    /// Says that a start has ended, well or not.
    func release(_ targets: [FilePath]) {
        state.withLock { state in
            let now = HostTime.monotonic
            for target in targets {
                state.mounted[target]?.users -= 1
                state.mounted[target]?.lastUse = now
            }
        }
        planSweep()
    }

    /// Unmounts everything at once.
    ///
    /// Blocks.
    func removeAll() {
        state.withLock { state in
            for target in state.mounted.keys { remove(target) }
            state.mounted = [:]
        }
    }

    private func planSweep() {
        let isFirst = state.withLock { state in
            defer { state.isSweepPlanned = true }
            return !state.isSweepPlanned
        }
        guard isFirst else { return }
        DispatchQueue.global(qos: .utility).asyncAfter(deadline: .now() + .seconds(3)) { [weak self] in self?.sweep() }
    }

    private func sweep() {
        let isLeft = state.withLock { state in
            state.isSweepPlanned = false
            let now = HostTime.monotonic
            for (target, use) in state.mounted where use.users <= 0 && now - use.lastUse >= Self.linger {
                remove(target)
                state.mounted[target] = nil
            }
            return state.mounted.contains { $0.value.users <= 0 }
        }
        if isLeft { planSweep() }
    }

    private func remove(_ target: FilePath) {
        // What cannot be unmounted now is unmounted by the next daemon.
        try? MountPoint.detach(target)
        _ = target.withPlatformString { rmdir($0) }
    }
}
