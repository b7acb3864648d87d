// SPDX-License-Identifier: Apache-2.0

import APIModel
import TandemModel

/// Reads from a HostConfig what a workload may do, with Docker's checks and words.
enum SecurityRequest {
    static func security(from host: JSONValue) throws(EngineError) -> SecuritySpec {
        var security = SecuritySpec()
        security.privileged = host["Privileged"].bool ?? false
        security.addedCapabilities = list(host["CapAdd"])
        security.droppedCapabilities = list(host["CapDrop"])
        security.maskedPaths = try paths(host["MaskedPaths"], "MaskedPaths")
        security.readOnlyPaths = try paths(host["ReadonlyPaths"], "ReadonlyPaths")
        for option in host["SecurityOpt"].strings ?? [] { try apply(option, to: &security) }
        return security
    }

    /// A list, or a single text, as the API allows both.
    private static func list(_ value: JSONValue) -> [String] { value.string.map { [$0] } ?? value.strings ?? [] }

    /// An empty list is one: the docker CLI sends two of them for `--security-opt systempaths=unconfined`.
    private static func paths(_ value: JSONValue, _ name: String) throws(EngineError) -> [String]? {
        guard let paths = value.strings else { return nil }
        for path in paths where !path.hasPrefix("/") {
            throw EngineError(
                .invalidArgument, "invalid path in \(name): '\(path)' must be absolute", hint: "Begin it with a slash.")
        }
        return paths
    }

    private static func apply(_ option: String, to security: inout SecuritySpec) throws(EngineError) {
        if option == "no-new-privileges" {
            security.noNewPrivileges = true
            return
        }
        // The colon is how it was written before Docker 1.11.
        let separator: Character = option.contains("=") ? "=" : ":"
        let parts = option.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else {
            throw EngineError(.invalidArgument, "invalid --security-opt 1: \"\(option)\"", hint: known)
        }
        switch (parts[0], parts[1]) {
        case ("no-new-privileges", "true"): security.noNewPrivileges = true
        case ("no-new-privileges", "false"): security.noNewPrivileges = false
        case ("seccomp", "unconfined"): security.seccomp = .unconfined
        case ("seccomp", "builtin"): security.seccomp = .standard
        case ("seccomp", let json): security.seccomp = .profile(json: json)
        case ("systempaths", "unconfined"):
            security.maskedPaths = []
            security.readOnlyPaths = []
        case ("apparmor", "unconfined"), ("label", "disable"), ("writable-cgroups", "false"): break
        case ("writable-cgroups", _):
            throw EngineError(
                .unsupported, "the security option '\(option)' is not supported: control groups are read-only inside",
                hint: known)
        case ("apparmor", _), ("label", _):
            throw EngineError(
                .unsupported, "the security option '\(option)' is not supported: neither AppArmor nor SELinux are used",
                hint: known)
        default:
            throw EngineError(.invalidArgument, "invalid --security-opt 2: \"\(option)\"", hint: known)
        }
    }

    private static let known = "Known are no-new-privileges, seccomp=… and systempaths=unconfined."
}
