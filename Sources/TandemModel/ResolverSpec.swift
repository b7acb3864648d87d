// SPDX-License-Identifier: Apache-2.0

/// What a workload's `/etc/resolv.conf` says; what is empty is as on the host.
public struct ResolverSpec: Hashable, Sendable, Codable {
    /// Addresses of name servers.
    public var nameServers: [String] = []
    /// Domains in which names are searched; a single `.` is none.
    public var searchDomains: [String] = []
    /// Options, for example `ndots:2`.
    public var options: [String] = []

    /// All as on the host.
    public init() {}
}
