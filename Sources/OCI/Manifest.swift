// SPDX-License-Identifier: Apache-2.0

/// A pointer to a blob (OCI image specification, descriptor.md).
public struct Descriptor: Sendable, Codable, Hashable {
    /// What the blob is.
    public var mediaType: String?
    /// `sha256:…` of the blob.
    public var digest: String
    /// Length in bytes.
    public var size: Int
    /// Remarks, among them the reference name in an index.
    public var annotations: [String: String]?
    /// The machine that it is for.
    public var platform: Platform?

    /// A kind of machine.
    public struct Platform: Sendable, Codable, Hashable {
        /// Go's name.
        public var architecture: String
        /// Go's name.
        public var os: String
        /// Go's name, for example `v7`.
        public var variant: String?

        /// Names a kind of machine.
        public init(architecture: String, os: String) {
            self.architecture = architecture
            self.os = os
        }
    }

    /// Points to a blob.
    public init(mediaType: String?, digest: String, size: Int) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
    }

    /// Whether the blob is an index or manifest list.
    public var isIndex: Bool {
        mediaType == "application/vnd.oci.image.index.v1+json"
            || mediaType == "application/vnd.docker.distribution.manifest.list.v2+json"
    }
}

/// One image (OCI image specification, manifest.md).
public struct Manifest: Sendable, Codable, Hashable {
    /// Always 2.
    public var schemaVersion: Int?
    /// What it is.
    public var mediaType: String?
    /// The image's configuration.
    public var config: Descriptor
    /// The layers, lowest first.
    public var layers: [Descriptor]

    /// Describes an image.
    public init(schemaVersion: Int, mediaType: String, config: Descriptor, layers: [Descriptor]) {
        self.schemaVersion = schemaVersion
        self.mediaType = mediaType
        self.config = config
        self.layers = layers
    }
}

/// A list of manifests (OCI image specification, image-index.md).
public struct Index: Sendable, Codable, Hashable {
    /// Always 2.
    public var schemaVersion: Int?
    /// What it is.
    public var mediaType: String?
    /// The manifests.
    public var manifests: [Descriptor]

    /// Lists manifests.
    public init(manifests: [Descriptor]) {
        schemaVersion = 2
        mediaType = "application/vnd.oci.image.index.v1+json"
        self.manifests = manifests
    }
}

/// One entry of `manifest.json` in an archive of `docker save` (moby, image/tarexport).
public struct DockerArchiveEntry: Sendable, Codable, Hashable {
    /// Path of the configuration in the archive.
    public var config: String
    /// References such as `busybox:latest`.
    public var repoTags: [String]?
    /// Paths of the layers in the archive, lowest first.
    public var layers: [String]
    /// The layers as an OCI layout describes them, by diff id.
    public var layerSources: [String: Descriptor]?

    /// Describes an image.
    public init(config: String, repoTags: [String]?, layers: [String], layerSources: [String: Descriptor]?) {
        self.config = config
        self.repoTags = repoTags
        self.layers = layers
        self.layerSources = layerSources
    }

    private enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
        case layerSources = "LayerSources"
    }
}
