// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import LinuxSystem
import NIOSSL
import SystemPackage

/// Whom a connection trusts, and what it shows of itself: the host's authorities, and Docker's `certs.d/HOST[:PORT]` with
/// authorities in `*.crt` and own certificates in `*.cert` with their `*.key`.
enum TrustedCertificates {
    /// Blocks.
    static func context(for endpoint: RegistryEndpoint, folders: [String]) throws(RegistryFailure) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if endpoint.trustsAnyone { configuration.certificateVerification = .none }
        for folder in folders {
            let path = "\(folder)/\(endpoint.host)"
            for name in Folders.names(in: FilePath(path)).sorted() {
                do {
                    if name.hasSuffix(".crt") {
                        let authorities = try NIOSSLCertificate.fromPEMFile("\(path)/\(name)")
                        configuration.additionalTrustRoots.append(.certificates(authorities))
                    } else if name.hasSuffix(".cert") {
                        let key = "\(path)/\(name.dropLast(5)).key"
                        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile("\(path)/\(name)").map {
                            .certificate($0)
                        }
                        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
                    }
                } catch {
                    throw RegistryFailure(
                        .insecure, "the certificate '\(path)/\(name)' cannot be read",
                        hint: "It has to be a PEM file; a .cert needs its .key beside it.")
                }
            }
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw RegistryFailure(.insecure, "the certificates in '\(folders)' cannot be used: \(error)")
        }
    }
}
