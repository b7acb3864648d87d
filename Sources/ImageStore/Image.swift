// SPDX-License-Identifier: Apache-2.0

public import OCI

/// An image in the store.
public struct Image: Sendable {
    /// `sha256:…` of its configuration.
    public let id: String
    /// The configuration.
    public let configuration: ImageConfiguration
    /// The layers, lowest first.
    public let layers: [Layer]
    /// References such as `busybox:latest`, sorted.
    public internal(set) var references: [String]
    /// The id of the image that it was built or committed from here; `nil` for one that came from elsewhere.
    public internal(set) var parent: String?
    /// Names with the digests that registries know it by, such as `busybox@sha256:…`, sorted.
    public internal(set) var digests: [String] = []

    /// The layers as they are stacked: a layer that occurs several times only at its highest place.
    ///
    /// What it has lower shows nowhere, and overlayfs refuses to take one folder twice.
    public var stack: [Layer] {
        var seen: Set<String> = []
        return layers.reversed().filter { seen.insert($0.diffID).inserted }.reversed()
    }

    /// Bytes of all layers on disk.
    public var size: UInt64 { stack.reduce(0) { $0 + $1.size } }

    /// The first twelve digits of the id.
    public var shortID: String { String(id.dropFirst(7).prefix(12)) }
}
