// SPDX-License-Identifier: Apache-2.0

public import SystemPackage
public import TandemModel

/// Makes and reads control groups, each below the group `tandem/<scope>` and named by its workload's id.
///
/// A name that begins with a slash is a path from the root of the hierarchy instead: its parents are made too, stay when it
/// is removed, and `names` does not find it.
///
/// All calls block for some microseconds: they are reads and writes of the kernel's own file systems.
public protocol CgroupDriver: Sendable {
    /// 1 or 2.
    var version: Int { get }
    /// The controllers that this host offers, sorted.
    var controllers: [String] { get }
    /// What of `limits` this host cannot hold, each as a clause; empty if it can.
    func unsupported(_ limits: ResourceLimits) -> [String]
    /// Makes a group, or takes the one that is there, and sets its limits.
    ///
    /// `devices` of `nil` allows every device.
    func make(_ name: String, limits: ResourceLimits, devices: [DeviceRule]?) throws(EngineError)
    /// Changes limits.
    func update(_ name: String, limits: ResourceLimits) throws(EngineError)
    /// The folders that a process joins, also before they are made: in the v2 hierarchy, and in v1 hierarchies.
    func folders(_ name: String, limits: ResourceLimits) -> (unified: FilePath?, legacy: [FilePath])
    /// Moves a process into the group.
    func add(_ process: Int32, to name: String) throws(EngineError)
    /// Freezes or thaws every process; returns once it has happened.
    func setFrozen(_ frozen: Bool, _ name: String) throws(EngineError)
    /// What is used now.
    func usage(_ name: String) throws(EngineError) -> ResourceUsage
    /// How often the out-of-memory killer has struck in the group.
    func outOfMemoryKills(_ name: String) -> UInt64
    /// The processes in the group.
    func processes(_ name: String) -> [Int32]
    /// Kills every process and removes the group. A missing group is no failure.
    func remove(_ name: String) throws(EngineError)
    /// The names of all groups that exist.
    func names() -> [String]
    /// Removes the parent of all groups if none is left.
    func removeScope()
}

/// Access to device nodes.
public struct DeviceRule: Hashable, Sendable {
    /// `c` or `b`; `a` is either.
    public var type: Character
    /// Major number; `nil` is any.
    public var major: UInt32?
    /// Minor number; `nil` is any.
    public var minor: UInt32?
    /// Some of `r`, `w` and `m`.
    public var access: String

    /// Describes access.
    public init(type: Character, major: UInt32?, minor: UInt32?, access: String) {
        self.type = type
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// Parses Docker's `c 1:3 rwm`.
    ///
    /// - Returns: `nil` if it is no such rule.
    public init?(dockerText text: String) {
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 3, ["a", "b", "c"].contains(parts[0]), let type = parts[0].first else { return nil }
        let numbers = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard numbers.count == 2, (1...3).contains(parts[2].count), parts[2].allSatisfy({ "rwm".contains($0) }),
            numbers.allSatisfy({ $0 == "*" || UInt32($0) != nil })
        else { return nil }
        self.init(type: type, major: UInt32(numbers[0]), minor: UInt32(numbers[1]), access: String(parts[2]))
    }

    /// What Docker allows every container: making nodes, and using the harmless ones.
    public static let standard: [DeviceRule] =
        [
            DeviceRule(type: "c", major: nil, minor: nil, access: "m"),
            DeviceRule(type: "b", major: nil, minor: nil, access: "m"),
        ]
        + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map { major, minor in
            DeviceRule(type: "c", major: major, minor: minor, access: "rwm")
        }
        // Pseudo terminals.
        + [DeviceRule(type: "c", major: 136, minor: nil, access: "rwm")]
}
