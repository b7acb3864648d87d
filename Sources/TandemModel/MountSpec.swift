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

/// What holds for the mounts below the source of a bind mount.
public struct MountsBelow: Hashable, Sendable, Codable {
    /// What a read-only mount says about them.
    public enum ReadOnly: String, Hashable, Sendable, Codable {
        /// They are read-only too where the kernel can say that (5.12 and later).
        case ifPossible
        /// They are as they are.
        case never
        /// They are read-only too, or there is no mount.
        case always
    }

    /// Whether they stay behind.
    public var excluded: Bool
    /// What a read-only mount says about them.
    public var readOnly: ReadOnly

    /// Docker's default.
    public init(excluded: Bool = false, readOnly: ReadOnly = .ifPossible) {
        self.excluded = excluded
        self.readOnly = readOnly
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
    /// What holds for the mounts below the source of a bind mount; `nil` is Docker's default.
    public var below: MountsBelow?
    /// The words behind the target where the user wrote the mount in a short form that `inspect` repeats, for example `ro`.
    public var shortForm: String?
    /// Docker's propagation word, `rprivate` by default; containers only.
    public var propagation: String
    /// Whether the volume was made for this workload alone and goes with it (`rm -v`, `--rm`).
    public var anonymous: Bool

    /// Docker's `Mode`: what the user wrote in the short form; `z` for volumes without such words.
    public var mode: String {
        if let shortForm { return shortForm }
        if case .volume = source { return "z" }
        return ""
    }

    /// Whether `inspect` lists it: Docker leaves out what `--tmpfs` mounts.
    public var isListed: Bool {
        if case .tmpfs = source { return shortForm == nil }
        return true
    }

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
