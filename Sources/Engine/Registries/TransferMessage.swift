// SPDX-License-Identifier: Apache-2.0

/// One line of what a pull or push has to tell, as Docker's clients show it.
public struct TransferMessage: Sendable, Hashable {
    /// The layer, by the first digits of its digest, or the tag; empty for a line of its own.
    public var id: String
    /// What happens to it.
    public var status: String
    /// Bytes that are done, where that is known.
    public var current: UInt64?
    /// Bytes that there are.
    public var total: UInt64?
    /// Whether it is about a layer, which has a line that changes.
    public var isLayer: Bool
    /// What a push has come to, at its end.
    public var pushed: PushedManifest?

    /// Describes a step.
    public init(_ status: String, id: String = "", current: UInt64? = nil, total: UInt64? = nil, isLayer: Bool = false)
    {
        self.id = id
        self.status = status
        self.current = current
        self.total = total
        self.isLayer = isLayer
    }
}

/// The end of a push, which clients read.
public struct PushedManifest: Sendable, Hashable {
    /// The tag.
    public var tag: String
    /// `sha256:…` of the manifest.
    public var digest: String
    /// Its length in bytes.
    public var size: Int
}
