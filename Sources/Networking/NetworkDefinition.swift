// SPDX-License-Identifier: Apache-2.0

import TandemModel

/// What a user asks for when a network is made.
public struct NetworkDefinition: Sendable {
    /// Its name.
    public var name: String
    /// `bridge` if empty.
    public var driver = ""
    /// Labels.
    public var labels: [String: String] = [:]
    /// Options of the driver.
    public var options: [String: String] = [:]
    /// Whether it has no way out.
    public var isInternal = false
    /// Repeated only.
    public var isAttachable = false
    /// Whether it has IPv6 addresses.
    public var hasIPv6 = false
    /// Addresses of the user's choice.
    public var pools: [Pool] = []

    /// A range of addresses as the user gives it.
    public struct Pool: Sendable {
        /// `ADDRESS/PREFIX`.
        public var subnet = ""
        /// `ADDRESS/PREFIX`.
        public var range = ""
        /// The host's own address.
        public var gateway = ""
        /// Addresses of others.
        public var auxiliary: [String: String] = [:]

        /// Nothing chosen.
        public init() {}
    }

    /// Describes a network.
    public init(name: String) { self.name = name }
}
