// SPDX-License-Identifier: Apache-2.0

import NIOSSL
public import TandemModel

/// Mutual TLS: the server shows its certificate, and takes only clients whose certificate an authority has signed.
public struct TransportSecurity: Sendable {
    let context: NIOSSLContext

    /// Reads PEM files.
    ///
    /// Blocks.
    ///
    /// - Parameters:
    ///   - authority: Certificates of those who sign clients' certificates.
    ///   - certificate: The server's own certificate, and those between it and its authority.
    ///   - key: The private key of the server's certificate.
    /// - Throws: `.invalidArgument` if one of them cannot be read.
    public init(authority: String, certificate: String, key: String) throws(EngineError) {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try Self.certificates(certificate).map { .certificate($0) },
            privateKey: .privateKey(try Self.key(key)))
        configuration.minimumTLSVersion = .tlsv12
        configuration.trustRoots = .certificates(try Self.certificates(authority))
        // A client is known by who has signed for it; it has no name to be checked.
        configuration.certificateVerification = .noHostnameVerification
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw EngineError(
                .invalidArgument, "the key '\(key)' does not fit the certificate '\(certificate)'",
                hint: "Name the key that the certificate was made for.", cause: error)
        }
    }

    private static func certificates(_ path: String) throws(EngineError) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMFile(path)
            if !found.isEmpty { return found }
        } catch {
            throw EngineError(
                .invalidArgument, "no certificate can be read from '\(path)'",
                hint: "It has to be a PEM file that the daemon may read.", cause: error)
        }
        throw EngineError(
            .invalidArgument, "there is no certificate in '\(path)'", hint: "It has to be a PEM file.")
    }

    private static func key(_ path: String) throws(EngineError) -> NIOSSLPrivateKey {
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw EngineError(
                .invalidArgument, "no private key can be read from '\(path)'",
                hint: "It has to be a PEM file that the daemon may read.", cause: error)
        }
    }
}
