// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
public import TandemModel

/// A system call filter in Docker's JSON format (moby/profiles, seccomp).
public struct SeccompProfile: Sendable, Codable {
    /// A condition on one argument of a call.
    public struct Argument: Sendable, Codable {
        /// Position, from 0.
        public var index: UInt32
        /// The value compared with, or the mask for `SCMP_CMP_MASKED_EQ`.
        public var value: UInt64
        /// The value compared with under the mask.
        public var valueTwo: UInt64?
        /// `SCMP_CMP_…`.
        public var op: String
    }

    /// When a rule counts.
    public struct Filter: Sendable, Codable {
        /// All of these capabilities are (or, excluding, any of them is) in the workload's set.
        public var caps: [String]?
        /// Architectures in Go's names.
        public var arches: [String]?
        /// Lowest kernel version, `major.minor`.
        public var minKernel: String?
    }

    /// What happens to some calls.
    public struct Rule: Sendable, Codable {
        /// Names of the calls; those that the library does not know are left out.
        public var names: [String]?
        /// A single name, in older profiles.
        public var name: String?
        /// `SCMP_ACT_…`.
        public var action: String
        /// Error number for `SCMP_ACT_ERRNO`.
        public var errnoRet: UInt32?
        /// Conditions, of which all must hold.
        public var args: [Argument]?
        /// The rule counts only if all of this holds.
        public var includes: Filter?
        /// The rule counts only if none of this holds.
        public var excludes: Filter?
    }

    /// What happens to every other call.
    public var defaultAction: String
    /// Error number for a default of `SCMP_ACT_ERRNO`.
    public var defaultErrnoRet: UInt32?
    /// Further architectures, in older profiles.
    public var architectures: [String]?
    /// The rules.
    public var syscalls: [Rule]?

    /// Reads a profile.
    ///
    /// - Throws: `.invalidArgument` if it is none.
    public init(json: String) throws(EngineError) {
        do {
            self = try JSONDecoder().decode(SeccompProfile.self, from: Data(json.utf8))
        } catch {
            throw EngineError(
                .invalidArgument, "Decoding seccomp profile failed: it is not a profile in Docker's JSON format",
                hint: "Give a JSON file with `defaultAction` and `syscalls`, or `seccomp=unconfined`.")
        }
    }

    init(defaultAction: String, syscalls: [Rule]) {
        self.defaultAction = defaultAction
        self.syscalls = syscalls
    }
}

extension SeccompProfile.Rule {
    /// Whether the rule counts for a workload with these capabilities on this host.
    func applies(to capabilities: CapabilitySet, kernel: (major: Int, minor: Int)) -> Bool {
        if let includes {
            guard (includes.caps ?? []).allSatisfy({ Self.contains(capabilities, $0) }) else { return false }
            if let arches = includes.arches, !arches.isEmpty,
                arches.allSatisfy({ !Self.hostArchitectures.contains($0) })
            {
                return false
            }
            if let least = includes.minKernel, !Self.kernel(kernel, isAtLeast: least) { return false }
        }
        if let excludes {
            if (excludes.caps ?? []).contains(where: { Self.contains(capabilities, $0) }) { return false }
            if (excludes.arches ?? []).contains(where: { Self.hostArchitectures.contains($0) }) { return false }
            if let least = excludes.minKernel, Self.kernel(kernel, isAtLeast: least) { return false }
        }
        return true
    }

    private static func contains(_ set: CapabilitySet, _ name: String) -> Bool {
        CapabilitySet(name: name).map { set.isSuperset(of: $0) } ?? false
    }

    #if arch(x86_64)
        private static let hostArchitectures: Set<String> = ["amd64", "x86", "x32"]
    #elseif arch(arm64)
        private static let hostArchitectures: Set<String> = ["arm64", "arm"]
    #else
        private static let hostArchitectures: Set<String> = []
    #endif

    private static func kernel(_ kernel: (major: Int, minor: Int), isAtLeast text: String) -> Bool {
        let parts = text.split(separator: ".").map { Int($0) ?? 0 }
        return (kernel.major, kernel.minor) >= (parts.first ?? 0, parts.dropFirst().first ?? 0)
    }
}
