// SPDX-License-Identifier: Apache-2.0

/// The configuration of an image (OCI image specification, config.md), with Docker's additions kept.
public struct ImageConfiguration: Sendable, Codable, Hashable {
    /// Go's name of the architecture, for example `amd64`.
    public var architecture: String
    /// Go's name of the operating system.
    public var os: String
    /// RFC 3339.
    public var created: String?
    /// Who made it.
    public var author: String?
    /// What a workload gets unless the user says otherwise.
    public var config: Defaults?
    /// The layers.
    public var rootfs: RootFileSystem
    /// How each layer came about.
    public var history: [HistoryEntry]?

    /// Defaults of a workload.
    public struct Defaults: Sendable, Codable, Hashable {
        /// `USER[:GROUP]`.
        public var user: String?
        /// `PORT/PROTOCOL` as keys.
        public var exposedPorts: [String: EmptyObject]?
        /// `NAME=value`.
        public var environment: [String]?
        /// First part of the command.
        public var entrypoint: [String]?
        /// Second part of the command.
        public var command: [String]?
        /// Folders that become anonymous volumes, as keys.
        public var volumes: [String: EmptyObject]?
        /// Where the command starts.
        public var workingDirectory: String?
        /// Labels.
        public var labels: [String: String]?
        /// For example `SIGTERM` or `15`.
        public var stopSignal: String?
        /// How to find out whether a workload does its work.
        public var healthCheck: HealthCheck?
        /// What runs lines of shell.
        public var shell: [String]?
        /// Instructions for builds that begin with this image.
        public var onBuild: [String]?
        /// Seconds between the stop signal and SIGKILL.
        public var stopTimeout: Int?

        /// Nothing said.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case user = "User"
            case exposedPorts = "ExposedPorts"
            case environment = "Env"
            case entrypoint = "Entrypoint"
            case command = "Cmd"
            case volumes = "Volumes"
            case workingDirectory = "WorkingDir"
            case labels = "Labels"
            case stopSignal = "StopSignal"
            case healthCheck = "Healthcheck"
            case shell = "Shell"
            case onBuild = "OnBuild"
            case stopTimeout = "StopTimeout"
        }
    }

    /// Docker's addition: a probe, with times in nanoseconds.
    public struct HealthCheck: Sendable, Codable, Hashable {
        /// `CMD` and arguments, `CMD-SHELL` and a line, or `NONE`.
        public var test: [String]?
        /// Between two probes.
        public var interval: Int64?
        /// What a probe may take.
        public var timeout: Int64?
        /// How long failures do not count.
        public var startPeriod: Int64?
        /// Between two probes of the start period.
        public var startInterval: Int64?
        /// Failures in a row that count as one.
        public var retries: Int?

        /// Nothing said.
        public init() {}

        private enum CodingKeys: String, CodingKey {
            case test = "Test"
            case interval = "Interval"
            case timeout = "Timeout"
            case startPeriod = "StartPeriod"
            case startInterval = "StartInterval"
            case retries = "Retries"
        }
    }

    /// The layers of an image.
    public struct RootFileSystem: Sendable, Codable, Hashable {
        /// Always `layers`.
        public var type: String
        /// `sha256:…` of each uncompressed layer, lowest first.
        public var diffIDs: [String]

        /// Names the layers.
        public init(diffIDs: [String]) {
            type = "layers"
            self.diffIDs = diffIDs
        }

        private enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    /// One step of the image's history.
    public struct HistoryEntry: Sendable, Codable, Hashable {
        /// RFC 3339.
        public var created: String?
        /// Who made it.
        public var author: String?
        /// What made the layer.
        public var createdBy: String?
        /// A remark.
        public var comment: String?
        /// Whether the step made no layer.
        public var emptyLayer: Bool?

        /// Describes a step.
        public init(
            created: String?, createdBy: String?, comment: String? = nil, emptyLayer: Bool? = nil,
            author: String? = nil
        ) {
            self.created = created
            self.author = author
            self.createdBy = createdBy
            self.comment = comment
            self.emptyLayer = emptyLayer
        }

        private enum CodingKeys: String, CodingKey {
            case created, author, comment
            case createdBy = "created_by"
            case emptyLayer = "empty_layer"
        }
    }

    /// Describes an image for this machine.
    public init(created: String?, config: Defaults?, diffIDs: [String], history: [HistoryEntry]) {
        #if arch(arm64)
            architecture = "arm64"
        #else
            architecture = "amd64"
        #endif
        os = "linux"
        self.created = created
        self.config = config
        rootfs = RootFileSystem(diffIDs: diffIDs)
        self.history = history
    }
}

/// `{}`: JSON's way to write a set.
public struct EmptyObject: Sendable, Codable, Hashable {
    /// The only value.
    public init() {}
}
