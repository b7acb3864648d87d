// SPDX-License-Identifier: Apache-2.0

public import ImageStore
public import OCI
public import Registry
public import TandemModel

/// Images that come from registries and go there.
extension Engine {
    /// By way of whom other machines are reached.
    public nonisolated var proxies: ProxySettings { registries.proxies }

    /// Fetches an image; `report` is told what happens.
    @discardableResult
    public nonisolated func pull(
        _ request: PullRequest, report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) -> Image {
        let (image, _) = try await puller.pull(request, report: report)
        await tell("pull", image, request.reference)
        return image
    }

    /// Sends an image to the registry that its name names.
    public nonisolated func push(
        _ reference: Reference, credentials: RegistryCredentials, report: @escaping @Sendable (TransferMessage) -> Void
    ) async throws(EngineError) {
        let image = try await pusher.push(reference, credentials: credentials, report: report)
        await tell("push", image, reference)
    }

    /// Asks a registry whether these credentials open it.
    ///
    /// - Throws: `.unauthorized` in dockerd's words if they do not.
    public nonisolated func logIn(registry: String, credentials: RegistryCredentials) async throws(EngineError) {
        let candidates = await RepositoryClient.candidates(
            registry: registry, repository: "", settings: registries, credentials: credentials, writes: true)
        var last = RegistryFailure(.unreachable, "there is no registry '\(registry)'")
        for client in candidates {
            do throws(RegistryFailure) {
                return try await client.logIn()
            } catch {
                last = error
                guard [.unreachable, .broken, .insecure].contains(error.reason) else { break }
            }
        }
        guard last.reason == .unauthorized else { throw last.engineError }
        throw EngineError(.unauthorized, last.message, hint: "Check the user's name and the password.")
    }

    /// What a registry has under a name.
    public nonisolated func inspect(
        _ reference: Reference, credentials: RegistryCredentials
    ) async throws(EngineError) -> RemoteImage {
        try await puller.inspect(PullRequest(reference, credentials: credentials))
    }

    /// The tags that a repository has.
    public nonisolated func tags(
        of reference: Reference, credentials: RegistryCredentials
    ) async throws(EngineError) -> [String] {
        try await puller.tags(of: reference, credentials: credentials)
    }

    private func tell(_ action: String, _ image: Image, _ reference: Reference) {
        emit(
            type: "image", action: action, id: reference.description,
            attributes: (image.configuration.config?.labels ?? [:]).merging(["name": reference.familiarName]) { $1 })
    }

    /// Removes what pulls have left that nobody went on with: after some days, or all of it.
    @discardableResult
    public nonisolated func sweepDownloads(olderThan age: Duration = .seconds(3 * 86_400)) async -> UInt64 {
        await puller.sweep(olderThan: age)
    }
}
