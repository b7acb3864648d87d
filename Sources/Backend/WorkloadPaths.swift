// SPDX-License-Identifier: Apache-2.0

public import SystemPackage
public import TandemModel

/// Where things of a workload lie on the host; all of it follows from its id.
public struct WorkloadPaths: Sendable, Hashable {
    /// Folder of what survives a reboot.
    public let dataRoot: FilePath
    /// Folder of what need not.
    public let runRoot: FilePath

    /// Combines the two roots.
    public init(dataRoot: FilePath, runRoot: FilePath) {
        self.dataRoot = dataRoot
        self.runRoot = runRoot
    }

    /// Writable layer or disk, and the log.
    public func dataDirectory(_ id: WorkloadID) -> FilePath {
        dataRoot.appending("workloads").appending(id.description)
    }

    /// Sockets and mount points; short, since the path of a UNIX socket has at most 107 bytes (unix(7)).
    public func runDirectory(_ id: WorkloadID) -> FilePath { runRoot.appending("workloads").appending(id.short) }

    /// Mount points of image layers.
    public var layers: FilePath { runRoot.appending("layers") }

    /// json-file log.
    public func log(_ id: WorkloadID) -> FilePath { dataDirectory(id).appending("\(id)-json.log") }

    /// The monitor's socket.
    public func monitorSocket(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("monitor.sock") }

    /// The socket of the monitor of a workload that is started for its files alone, without its command.
    public func filesSocket(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("files.sock") }

    /// Every socket on which a monitor of a workload may listen.
    public func monitorSockets(_ id: WorkloadID) -> [FilePath] { [monitorSocket(id), filesSocket(id)] }

    /// Where the monitor records the end.
    public func exitRecord(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("exit") }

    /// Shared memory that other workloads may join.
    public func sharedMemory(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("shm") }

    /// What the monitor writes to standard error.
    public func monitorLog(_ id: WorkloadID) -> FilePath { runDirectory(id).appending("monitor.log") }

    /// A name for this pair of roots on the host, for objects that all daemons share a space for: 8 hexadecimal digits.
    public var scope: String {
        // FNV-1a, 32 bit: any function of the path would do that stays the same for ever.
        var hash: UInt32 = 2_166_136_261
        for byte in runRoot.string.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
