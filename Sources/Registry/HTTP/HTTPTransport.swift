// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import NIOSSL
import Synchronization

/// Makes the connections, with a TLS context for each host, and by way of a proxy where the settings name one.
final class HTTPTransport: Sendable {
    private let settings: RegistrySettings
    /// Host and port that may show a certificate that nobody knows; empty for none.
    private let carelessHost: String
    private let contexts = Mutex<[String: NIOSSLContext]>([:])

    init(settings: RegistrySettings, carelessHost: String = "") {
        self.settings = settings
        self.carelessHost = carelessHost
    }

    /// Sends a request and hands the answer over.
    func send<Value: Sendable>(
        _ request: RemoteRequest, _ receive: (RemoteResponse) async throws(RegistryFailure) -> Value
    ) async throws(RegistryFailure) -> Value {
        var exchange = HTTPExchange(security: nil, idleTimeout: settings.idleTimeout)
        exchange.proxy = try settings.proxies.proxy(for: request.url)
        if request.url.scheme == "https" {
            exchange.security = try await context(for: RepositoryClient.place(of: request.url))
        }
        return try await exchange.send(request, receive)
    }

    private func context(for host: String) async throws(RegistryFailure) -> NIOSSLContext {
        if let known = contexts.withLock({ $0[host] }) { return known }
        let target = RegistryEndpoint(address: "https://\(host)", host: host, trustsAnyone: host == carelessHost)
        let folders = settings.certificateFolders
        let context = try await BlockingQueue.run { () throws(RegistryFailure) in
            try TrustedCertificates.context(for: target, folders: folders)
        }
        contexts.withLock { $0[host] = context }
        return context
    }
}
