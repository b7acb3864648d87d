// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import SystemPackage
public import TandemModel

/// A kernel that guests can boot.
public struct GuestKernel: Sendable, Hashable {
    /// The name by which `tandem kernel use` chooses it, for example `tuned`.
    public var name: String
    /// The kernel's release, as `uname -r` shows it.
    public var release: String
    /// What it was made from.
    public var source: String
    /// The image to boot.
    public var image: FilePath
    /// Modules to load, in order.
    public var modules: [FilePath]
    /// Hash of what it was made from.
    public var inputs: String
}

/// The kernels that this host has, and which one guests boot.
///
/// Kernels lie in folders of their own: in `<data root>/kernels`, and in the cache that `vm-images/build-*` fill. The
/// choice is a file, so that it survives the daemon.
public struct KernelStore: Sendable {
    /// `kernel.json` in a kernel's folder.
    private struct Description: Codable {
        var name: String
        var image: String
        var release: String
        var inputs: String
        var source: String
    }

    private let folder: FilePath
    private let searched: [FilePath]

    /// Looks in `<data root>/kernels` first, then in the caches.
    public init(dataRoot: FilePath, caches: [FilePath] = KernelStore.defaultCaches()) {
        folder = dataRoot.appending("kernels")
        searched = [folder] + caches.map { $0.appending("kernels") }
    }

    /// `$TANDEM_CACHE`, the system's cache, the user's cache.
    public static func defaultCaches() -> [FilePath] {
        let environment = ProcessInfo.processInfo.environment
        var caches: [FilePath] = []
        if let own = environment["TANDEM_CACHE"], !own.isEmpty { caches.append(FilePath(own)) }
        caches.append("/var/cache/tandem")
        if let home = environment["HOME"], !home.isEmpty { caches.append(FilePath(home).appending(".cache/tandem")) }
        return caches
    }

    /// All kernels, ordered by name; of two with one name the first found counts.
    public func all() -> [GuestKernel] {
        var found: [String: GuestKernel] = [:]
        for folder in searched {
            // A folder that is missing has no kernels.
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
            for name in names where !name.hasPrefix(".") && found[name] == nil {
                if let kernel = read(folder.appending(name), name: name) { found[name] = kernel }
            }
        }
        return found.values.sorted { $0.name < $1.name }
    }

    /// The kernel that guests boot: the chosen one, else `tuned`, else `stock`, else any.
    public func current() throws(EngineError) -> GuestKernel {
        let kernels = all()
        if let chosen = chosenName() {
            if let kernel = kernels.first(where: { $0.name == chosen }) { return kernel }
            throw EngineError(
                .notFound, "the chosen guest kernel '\(chosen)' is gone",
                hint: "Run `tandem kernel ls` and `tandem kernel use NAME`.")
        }
        for name in ["tuned", "stock"] {
            if let kernel = kernels.first(where: { $0.name == name }) { return kernel }
        }
        if let any = kernels.first { return any }
        throw EngineError(
            .unsupported, "there is no guest kernel in '\(folder)' or the cache",
            hint: "Run `make kernel` (stock) or `make kernel-tuned`.")
    }

    /// Chooses the kernel that later guests boot.
    public func use(_ name: String) throws(EngineError) {
        guard all().contains(where: { $0.name == name }) else {
            throw EngineError(
                .notFound, "no such guest kernel: '\(name)'", hint: "Run `tandem kernel ls` to see which there are.")
        }
        do {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
            try Data((name + "\n").utf8).write(
                to: URL(filePath: folder.appending(".selected").string), options: .atomic)
        } catch {
            throw EngineError(
                .internal, "the choice of the guest kernel '\(name)' cannot be kept in '\(folder)'", cause: error)
        }
    }

    /// The name that was chosen; `nil` if nobody chose.
    public func chosenName() -> String? {
        // No file: nobody chose.
        guard let data = FileManager.default.contents(atPath: folder.appending(".selected").string) else { return nil }
        let name = String(decoding: data, as: UTF8.self).filter { !$0.isWhitespace }
        return name.isEmpty ? nil : name
    }

    private func read(_ folder: FilePath, name: String) -> GuestKernel? {
        guard let data = FileManager.default.contents(atPath: folder.appending("kernel.json").string),
            // A folder whose description cannot be read is not a kernel.
            let description = try? JSONDecoder().decode(Description.self, from: data)
        else { return nil }
        let image = folder.appending(description.image)
        guard FileManager.default.isReadableFile(atPath: image.string) else { return nil }
        let order = FileManager.default.contents(atPath: folder.appending("modules/order").string) ?? Data()
        let modules = String(decoding: order, as: UTF8.self).split(separator: "\n").map {
            folder.appending("modules").appending(String($0))
        }
        return GuestKernel(
            name: name, release: description.release, source: description.source, image: image, modules: modules,
            inputs: description.inputs)
    }
}
