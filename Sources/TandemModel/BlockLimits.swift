// SPDX-License-Identifier: Apache-2.0

/// Limits on the use of block devices.
public struct BlockLimits: Hashable, Sendable, Codable {
    /// A number for one device of the host.
    public struct Device: Hashable, Sendable, Codable {
        /// The device's path on the host.
        public var path: String
        /// Bytes or operations a second, or a weight.
        public var value: UInt64

        /// Describes a limit.
        public init(path: String, value: UInt64) {
            self.path = path
            self.value = value
        }
    }

    /// Relative weight, 10–1,000.
    public var weight: UInt16?
    /// Weights for single devices.
    public var deviceWeights: [Device] = []
    /// Most bytes read a second.
    public var readBytes: [Device] = []
    /// Most bytes written a second.
    public var writtenBytes: [Device] = []
    /// Most reads a second.
    public var reads: [Device] = []
    /// Most writes a second.
    public var writes: [Device] = []

    /// No limits.
    public init() {}

    /// Whether nothing is limited.
    public var isEmpty: Bool { self == BlockLimits() }
}
