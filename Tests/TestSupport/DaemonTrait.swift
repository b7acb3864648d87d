// SPDX-License-Identifier: Apache-2.0

import Glibc
public import Testing

/// Gives a suite a daemon with the default image, and checks afterwards that the host is as it was before.
public struct DaemonTrait: SuiteTrait, TestScoping {
    var flags: [String] = []
    var onHostNetwork = false

    /// Runs the suite's tests with `Daemon.current` set.
    @concurrent public func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard geteuid() == 0 else { throw Daemon.Failure(description: "these tests need root: run `sudo make test`") }
        let before = try HostSnapshot.take()
        let daemon = try await Daemon(flags: flags, onHostNetwork: onHostNetwork)
        do {
            // Nothing of a network is made on the host.
            let network = onHostNetwork ? ["--network", "none"] : []
            let image = try await daemon.tandem(["run", "--rm"] + network + ["busybox", "true"])
            guard image.status == 0 else {
                throw Daemon.Failure(description: "the default image does not run: \(image.errors)\n\(daemon.log)")
            }
            try await Daemon.$current.withValue(daemon) { try await function() }
            try await removeEverything(daemon)
        } catch {
            await daemon.tearDown()
            throw error
        }
        await daemon.tearDown()
        let left = try await before.leftovers(within: .seconds(15))
        #expect(left.isEmpty, "left behind on the host: \(left.joined(separator: "\n"))")
    }

    private func removeEverything(_ daemon: Daemon) async throws {
        let ids = try await daemon.tandem("ps", "-aq").lines
        if !ids.isEmpty { try await daemon.tandem(["rm", "-f", "-v"] + ids) }
    }
}

extension Trait where Self == DaemonTrait {
    /// A daemon for the whole suite.
    public static var daemon: DaemonTrait { DaemonTrait() }

    /// A daemon for the whole suite that shares the tests' network.
    public static var daemonOnHostNetwork: DaemonTrait { DaemonTrait(onHostNetwork: true) }

    /// A daemon with further flags for the whole suite.
    public static func daemon(flags: [String], onHostNetwork: Bool = false) -> DaemonTrait {
        DaemonTrait(flags: flags, onHostNetwork: onHostNetwork)
    }
}
