// SPDX-License-Identifier: Apache-2.0

public import ImageStore
public import OCI
import Synchronization
public import TandemModel

/// What a build is asked for.
public struct BuildRequest: Sendable {
    /// The Dockerfile's path in the context.
    public var dockerfile = "Dockerfile"
    /// Names of the image.
    public var names: [Reference] = []
    /// The last stage to build; empty for the last one of all.
    public var target = ""
    /// Whether nothing is taken from earlier builds.
    public var ignoresCache = false
    /// Values of arguments; `nil` for one that is named without.
    public var arguments: [String: String?] = [:]
    /// Labels on top of the Dockerfile's.
    public var labels: [String: String] = [:]
    /// Images whose steps may be taken over.
    public var cacheSources: [String] = []
    /// Whether base images are fetched although they are there.
    public var pulls = false
    /// Whether the workload of a command goes when the command has done well.
    public var removesSteps = true
    /// Whether it goes whatever has become of the command.
    public var alwaysRemovesSteps = false
    /// Fetches an image that is not there, and says how far it is.
    public typealias Fetch =
        @Sendable (Reference, _ report: @escaping @Sendable (TransferMessage) -> Void) async throws(EngineError) -> Void
    /// Fetches an image that is not there.
    public var fetch: Fetch
    /// The only platform that there is, if one is named.
    public var platform = ""
    /// Describes a workload that executes a command in an image.
    public var specification: @Sendable (Image, _ arguments: [String]) throws(EngineError) -> WorkloadSpec

    /// Describes a build.
    public init(
        fetch: @escaping Fetch,
        specification: @escaping @Sendable (Image, _ arguments: [String]) throws(EngineError) -> WorkloadSpec
    ) {
        self.fetch = fetch
        self.specification = specification
    }
}

/// Lets a build be given up at any moment.
public final class BuildControl: Sendable {
    private struct State {
        var isCancelled = false
        var interrupt: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    /// Nothing has been given up.
    public init() {}

    /// Ends the present step, and lets no other one begin.
    public func cancel() {
        let interrupt = state.withLock { state in
            state.isCancelled = true
            return state.interrupt
        }
        interrupt?()
    }

    func check() throws(EngineError) {
        guard !state.withLock({ $0.isCancelled }) else {
            throw EngineError(.unavailable, "the build was given up: its client has gone")
        }
    }

    /// Runs what belongs to a step as a task that ends when the build is given up.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable () async throws(EngineError) -> Value,
        meanwhile: () async -> Void = {}
    ) async throws(EngineError) -> Value {
        let task = Task { () -> Result<Value, EngineError> in
            do throws(EngineError) {
                return .success(try await body())
            } catch {
                return .failure(error)
            }
        }
        onCancel { task.cancel() }
        await meanwhile()
        let result = await task.value
        onCancel(nil)
        try check()
        return try result.get()
    }

    /// Says what ends the present step.
    func onCancel(_ interrupt: (@Sendable () -> Void)?) {
        let isLate = state.withLock { state in
            state.interrupt = interrupt
            return state.isCancelled
        }
        if isLate { interrupt?() }
    }
}
