// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOCore
import NIOHTTP1
import TandemModel

extension RepositoryClient {
    /// Fetches a small blob whole, and checks its length and digest.
    public func blob(_ digest: String, size: Int) async throws(RegistryFailure) -> [UInt8] {
        let content = try await retrying { () throws(RegistryFailure) in
            var content: [UInt8] = []
            try await blob(digest, size: UInt64(size), from: 0) { (bytes) throws(RegistryFailure) in content += bytes }
            return content
        }
        guard content.count == size, Self.digest(content) == digest else {
            throw RegistryFailure(.corrupt, "filesystem layer verification failed for digest \(digest)")
        }
        return content
    }

    /// Fetches a blob from an offset on, and gives it piece by piece; its digest is the caller's to check.
    ///
    /// A registry that sends it from the beginning all the same is read over what is there.
    ///
    /// Whatever follows the first `size` bytes of a body without a length is not read.
    ///
    /// - Throws: `.broken` if the connection ended before `size` bytes, `.corrupt` if the body has another length.
    public func blob(
        _ digest: String, size: UInt64, from offset: UInt64,
        _ receive: ([UInt8]) async throws(RegistryFailure) -> Void
    ) async throws(RegistryFailure) {
        guard offset < size else { return }
        var request = RemoteRequest(method: .GET, url: try url("/v2/\(repository)/blobs/\(digest)"))
        if offset > 0 { request.headers.add(name: "Range", value: "bytes=\(offset)-") }
        let end: UInt64 = try await send(request, scopes: scopes(writes: false)) {
            (response) throws(RegistryFailure) in
            var position = response.status == 206 ? offset : 0
            if let length = response.headers["Content-Length"].first.flatMap({ UInt64($0) }) {
                guard position.addingReportingOverflow(length).partialValue == size else {
                    throw Self.wrongSize(digest, size: size, found: position &+ length)
                }
            }
            while position < size, let buffer = try await response.next() {
                let count = min(UInt64(buffer.readableBytes), size - position)
                if position + count > offset {
                    let skipped = position < offset ? Int(offset - position) : 0
                    try await receive(Array(buffer.readableBytesView.prefix(Int(count)).dropFirst(skipped)))
                }
                position += count
            }
            return position
        }
        guard end == size else { throw Self.wrongSize(digest, size: size, found: end) }
    }

    private static func wrongSize(_ digest: String, size: UInt64, found: UInt64) -> RegistryFailure {
        RegistryFailure(
            .corrupt, "the blob \(digest) has \(found) bytes instead of \(size)",
            hint: "The manifest and the blob do not fit: push the image anew.")
    }

    // MARK: Pushing

    private static func anyStatus(_ status: Int) -> Bool { true }

    private static func presence(_ status: Int) -> Bool { status == 200 || status == 404 }

    /// Whether the repository has a blob, and how long it is.
    public func size(of digest: String) async throws(RegistryFailure) -> UInt64? {
        let request = RemoteRequest(method: .HEAD, url: try url("/v2/\(repository)/blobs/\(digest)"))
        return try await retrying { () throws(RegistryFailure) in
            try await send(request, scopes: scopes(writes: true), isOK: Self.presence) {
                (response) throws(RegistryFailure) in
                guard response.status == 200 else { return nil }
                return response.headers["Content-Length"].first.flatMap { UInt64($0) }
            }
        }
    }

    /// Takes a blob over from another repository of the same registry.
    ///
    /// - Returns: Whether that was possible.
    public func mount(_ digest: String, from source: String) async throws(RegistryFailure) -> Bool {
        let path = "/v2/\(repository)/blobs/uploads/?mount=\(digest)&from=\(PercentEncoding.encode(source))"
        let request = RemoteRequest(method: .POST, url: try url(path))
        let location: String?? = try await send(
            request, scopes: scopes(writes: true, and: source), isOK: Self.anyStatus
        ) { (response) throws(RegistryFailure) in
            // Other statuses mean: not from there.
            response.status == 201 ? nil : .some(response.status == 202 ? response.headers["Location"].first : nil)
        }
        guard let location else { return true }
        // An upload has begun instead: nobody will go on with it.
        if let location, let url = try? Self.target(location, from: request.url) {
            try? await send(RemoteRequest(method: .DELETE, url: url), scopes: scopes(writes: true)) {
                (_) throws(RegistryFailure) in
            }
        }
        return false
    }

    /// Sends a blob whose digest is known at its end.
    ///
    /// - Parameters:
    ///   - next: The pieces, `nil` at the end.
    ///   - digest: The digest, asked for at the end.
    /// - Throws: What the registry refused, or why it could not be asked.
    public func upload(
        _ next: @escaping @Sendable () async throws -> [UInt8]?, digest: () -> String
    ) async throws(RegistryFailure) {
        let writing = scopes(writes: true)
        let begin = RemoteRequest(method: .POST, url: try url("/v2/\(repository)/blobs/uploads/"))
        let session = try await location(of: begin)
        let patch = RemoteRequest(
            method: .PATCH, url: session, headers: ["Content-Type": "application/octet-stream"],
            body: .stream(length: nil, next: next))
        let end = try await location(of: patch)
        let separator = end.query == nil ? "?" : "&"
        guard let finish = URL(string: end.absoluteString + separator + "digest=" + PercentEncoding.encode(digest()))
        else { throw RegistryFailure(.corrupt, "the registry '\(host)' gave no address for an upload") }
        try await send(RemoteRequest(method: .PUT, url: finish), scopes: writing) { (_) throws(RegistryFailure) in }
    }

    private func location(of request: RemoteRequest) async throws(RegistryFailure) -> URL {
        let location = try await send(request, scopes: scopes(writes: true)) { (response) throws(RegistryFailure) in
            response.headers["Location"].first
        }
        guard let location else {
            throw RegistryFailure(.corrupt, "the registry '\(host)' gave no address for an upload")
        }
        return try Self.target(location, from: request.url)
    }
}
