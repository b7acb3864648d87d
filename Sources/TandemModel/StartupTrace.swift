// SPDX-License-Identifier: Apache-2.0

/// One named interval of a start, on the host's monotonic clock.
public struct Phase: Hashable, Sendable, Codable {
    /// What was done, for example `namespaces` or `kernel`.
    public let name: PhaseName
    /// Begin, in nanoseconds of the host's `CLOCK_MONOTONIC`.
    public let start: UInt64
    /// End, in nanoseconds of the host's `CLOCK_MONOTONIC`; never before `start`.
    public let end: UInt64

    /// Describes an interval; an end before the start is moved to the start.
    public init(_ name: PhaseName, start: UInt64, end: UInt64) {
        self.name = name
        self.start = start
        self.end = max(start, end)
    }
}

/// The phases of a start, in the order in which they usually come.
///
/// Both kinds share the names.
public enum PhaseName: String, Codable, Sendable, CaseIterable {
    /// Finding the image's layers and lowering the request into a launch plan.
    case image
    /// Mounting layers (container) or making the writable disk (VM).
    case rootfs
    /// Control groups.
    case cgroup
    /// Network name space or device.
    case network
    /// From spawning the monitor to its first word.
    case monitor
    /// `virDomainCreateXML`: from the call to its return.
    case libvirt
    /// From the return of `virDomainCreateXML`, when the virtual processors run, to the start of the guest kernel's clock.
    case firmware
    /// From the start of the guest kernel's clock to the guest agent's first instruction.
    case kernel
    /// From the guest agent's first instruction to the launch plan's arrival in the guest.
    case agent
    /// clone3 and the set-up of the root file system inside the new name spaces.
    case namespaces
    /// From the end of the set-up to the success of execve.
    case exec
    /// From execve to the workload's first byte on stdout or stderr.
    case firstByte = "first byte"
    /// From execve to the end of the workload's first process.
    case run
    /// From the end of the workload's first process to the release of everything that it used on the host.
    case cleanup
}

/// All phases of one start.
public struct StartupTrace: Hashable, Sendable, Codable {
    /// When the engine accepted the request, in nanoseconds of the host's `CLOCK_MONOTONIC`.
    public let requested: UInt64
    /// The intervals, in the order in which they were reported.
    ///
    /// They may overlap.
    public private(set) var phases: [Phase]

    /// Begins a trace.
    public init(requested: UInt64, phases: [Phase] = []) {
        self.requested = requested
        self.phases = phases
    }

    /// Adds an interval.
    public mutating func append(_ phase: Phase) { phases.append(phase) }

    /// The first interval with this name.
    public subscript(name: PhaseName) -> Phase? { phases.first { $0.name == name } }
}
