// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import LinuxSystem
import Synchronization
public import SystemPackage
public import TandemModel

/// The image layers that are mounted on the host, each once for everything that needs it there.
///
/// A container's own mount namespace keeps its layers alive; the host's mount is needed only while one starts, or while an
/// image's files are looked at. It lingers for the next use and is then unmounted.
public final class LayerMounts: Sendable {
    private struct State {
        var mounted: [FilePath: (users: Int, lastUse: UInt64)] = [:]
        var isSweepPlanned = false
    }

    private static let linger: UInt64 = 3_000_000_000

    private let folder: FilePath
    private let state = Mutex(State())

    /// The name of a layer's mount point: short, since the paths of all layers have to fit one page (mount(2)).
    public static func name(of layer: LayerFile) -> String {
        String(layer.diffID.drop { $0 != ":" }.dropFirst().prefix(16))
    }

    /// Unmounts what an earlier daemon has left.
    public init(folder: FilePath) throws(EngineError) {
        self.folder = folder
        try Folders.make(folder, mode: 0o700)
        for name in Folders.names(in: folder) {
            for target in MountPoint.targets(below: folder.appending(name)) { try MountPoint.detach(target) }
            try Folders.remove(folder.appending(name))
        }
    }

    /// Mounts what is not mounted yet; `release` has to follow.
    ///
    /// Blocks.
    ///
    /// - Returns: The folders, in the order of the layers.
    public func acquire(_ layers: [LayerFile]) throws(EngineError) -> [FilePath] {
        let targets = layers.map { folder.appending(Self.name(of: $0)) }
        let result: Result<Void, EngineError> = state.withLock { state in
            var acquired: [FilePath] = []
            do throws(EngineError) {
                for (layer, target) in zip(layers, targets) {
                    if state.mounted[target] == nil { try mount(layer, on: target) }
                    state.mounted[target, default: (0, 0)].users += 1
                    acquired.append(target)
                }
                return .success(())
            } catch {
                // They stay for the sweep.
                for target in acquired { state.mounted[target]?.users -= 1 }
                return .failure(error)
            }
        }
        if case .failure = result { planSweep() }
        try result.get()
        return targets
    }

    private func mount(_ layer: LayerFile, on target: FilePath) throws(EngineError) {
        try Folders.make(target, mode: 0o700)
        do throws(EngineError) {
            try MountPoint.mountErofs(layer.path, on: target)
        } catch {
            _ = target.withPlatformString { rmdir($0) }
            throw error
        }
    }

    /// Says that a start has ended, well or not.
    public func release(_ targets: [FilePath]) {
        state.withLock { state in
            let now = HostTime.monotonic
            for target in targets {
                state.mounted[target]?.users -= 1
                state.mounted[target]?.lastUse = now
            }
        }
        planSweep()
    }

    /// Opens the root file system that layers make up together, for the time of a call.
    ///
    /// Nobody can change it, and no path leads to it. Blocks.
    public func withRoot<Value>(
        of layers: [LayerFile], _ body: (Int32) throws(EngineError) -> Value
    ) throws(EngineError) -> Value {
        let targets = try acquire(layers)
        defer { release(targets) }
        let place = folder.appending("root-\(UInt64.random(in: 0...UInt64.max))")
        let bottom = place.appending("bottom")
        let point = place.appending("point")
        // Whatever a crash leaves of it the next daemon removes with the layers' own mounts.
        defer {
            // Twice, for a fault that has passed; the first try to unmount was made when it was opened.
            try? MountPoint.detach(point)
            for path in [point, bottom, place, point, bottom, place] { _ = path.withPlatformString { rmdir($0) } }
        }
        for path in [place, bottom, point] { try Folders.make(path, mode: 0o700) }
        // An empty layer below: overlayfs wants two of them, and only it hides the whiteouts of the lowest one.
        let names = ["\(place.lastComponent?.string ?? "")/bottom"] + layers.map(Self.name)
        let root = try MountPoint.openOverlay(of: names, in: folder, by: point)
        defer { close(root) }
        return try body(root)
    }

    /// Unmounts everything at once.
    ///
    /// Blocks.
    public func removeAll() {
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
