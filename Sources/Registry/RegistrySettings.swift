// SPDX-License-Identifier: Apache-2.0

/// What the daemon has been told about registries.
public struct RegistrySettings: Sendable {
    /// Hosts, `host:port` or networks such as `10.0.0.0/8`, that may do without TLS or with a certificate that nobody knows.
    public var insecure: [String]
    /// Addresses that are asked first for what lies on Docker Hub, for example `https://mirror.example`.
    public var mirrors: [String]
    /// Folders of `HOST[:PORT]/*.crt`, `*.cert` and `*.key`, as Docker's.
    public var certificateFolders: [String]
    /// How long nothing may move on a connection.
    public var idleTimeout: Duration
    /// Before the second try; doubled before each further one.
    public var retryDelay: Duration
    /// Tries of something that makes no progress.
    public var attempts: Int
    /// By way of whom servers are reached.
    public var proxies: ProxySettings

    /// Settings; everything has Docker's defaults.
    public init(
        insecure: [String] = [], mirrors: [String] = [], certificateFolders: [String] = ["/etc/docker/certs.d"],
        idleTimeout: Duration = .seconds(60), retryDelay: Duration = .milliseconds(500), attempts: Int = 6,
        proxies: ProxySettings = ProxySettings()
    ) {
        self.insecure = insecure
        self.mirrors = mirrors
        self.certificateFolders = certificateFolders
        self.idleTimeout = idleTimeout
        self.retryDelay = retryDelay
        self.attempts = attempts
        self.proxies = proxies
    }

    /// How long to wait before the try after `failures` that failed.
    public func delay(after failures: Int) -> Duration {
        min(.seconds(15), retryDelay * (1 << min(10, max(0, failures - 1))))
    }
}
