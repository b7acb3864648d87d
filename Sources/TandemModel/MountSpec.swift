// SPDX-License-Identifier: Apache-2.0

/// What a mount says about the volume that it needs, if that is still to be made.
public struct VolumeRequest: Hashable, Sendable, Codable {
    /// Labels.
    public var labels: [String: String]
    /// Options of the driver `local`.
    public var options: [String: String]

    /// Describes a volume.
    public init(labels: [String: String], options: [String: String]) {
        self.labels = labels
        self.options = options
    }
}

/// One mount that the user asked for.
public struct MountSpec: Hashable, Sendable, Codable {
    /// What is mounted.
    public enum Source: Hashable, Sendable, Codable {
        /// A volume by name; the volume store knows its folder.
        case volume(name: String)
        /// A file or folder of the host by absolute path.
        case bind(path: String)
        /// A fresh tmpfs; the options are mount options as in `size=64m,mode=1777`.
        case tmpfs(options: String)
    }

    /// What is mounted.
    public var source: Source
    /// Absolute path inside the workload.
    public var target: String
    /// Whether writing is refused.
    public var readOnly: Bool
    /// Whether an empty volume is left empty instead of being filled from the image.
    public var noCopy: Bool
    /// Whether a folder of the host that is missing is made when the workload starts.
    public var makesSource: Bool?
    /// How a volume that does not exist yet is made.
    public var volume: VolumeRequest?
    /// Docker's propagation word, `rprivate` by default; containers only.
    public var propagation: String
    /// Whether the volume was made for this workload alone and goes with it (`rm -v`, `--rm`).
    public var anonymous: Bool

    /// Describes a mount.
    public init(
        source: Source, target: String, readOnly: Bool = false, noCopy: Bool = false, propagation: String = "rprivate",
        anonymous: Bool = false
    ) {
        self.source = source
        self.target = target
        self.readOnly = readOnly
        self.noCopy = noCopy
        self.propagation = propagation
        self.anonymous = anonymous
    }
}
