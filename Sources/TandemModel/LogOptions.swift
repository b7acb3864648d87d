// SPDX-License-Identifier: Apache-2.0

/// Where a workload's output is kept.
public struct LogOptions: Hashable, Sendable, Codable {
    /// Docker's log drivers that Tandem has.
    public enum Driver: String, Hashable, Sendable, Codable {
        /// One JSON object a line in a file.
        case jsonFile = "json-file"
        /// Nothing is kept.
        case none
    }

    /// The driver.
    public var driver: Driver
    /// Size at which the file is rotated; `nil` never rotates.
    public var maximumSize: ByteCount?
    /// How many files are kept, the current one included; at least 1.
    public var maximumFiles: Int
    /// Docker's options about what each entry says beside the text: `labels`, `env`, `tag` and their like.
    public var attributes: [String: String]

    /// Docker's defaults.
    public init(driver: Driver = .jsonFile, maximumSize: ByteCount? = nil, maximumFiles: Int = 1) {
        self.driver = driver
        self.maximumSize = maximumSize
        self.maximumFiles = maximumFiles
        attributes = [:]
    }
}
