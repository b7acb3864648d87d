// SPDX-License-Identifier: Apache-2.0

/// Whether a workload is started again when it has ended.
public enum RestartPolicy: Hashable, Sendable, Codable {
    /// It stays as it ended.
    case never
    /// Always; if the user has stopped it, at the next start of the daemon.
    case always
    /// Always, but not after the user has stopped it.
    case unlessStopped
    /// If its exit code is not 0, at most so many times in a row; 0 sets no limit.
    case onFailure(maximumRetries: Int)

    /// Docker's word for it.
    public var name: String {
        switch self {
        case .never: "no"
        case .always: "always"
        case .unlessStopped: "unless-stopped"
        case .onFailure: "on-failure"
        }
    }

    /// How many times a failure is answered by a start; 0 where nothing limits it.
    public var maximumRetries: Int {
        if case .onFailure(let count) = self { count } else { 0 }
    }
}
