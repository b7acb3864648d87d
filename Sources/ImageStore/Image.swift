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

    /// Bytes of all layers on disk.
    public var size: UInt64 { layers.reduce(0) { $0 + $1.size } }

    /// The first twelve digits of the id.
    public var shortID: String { String(id.dropFirst(7).prefix(12)) }
}
