// SPDX-License-Identifier: Apache-2.0

public import Client
public import TandemModel

/// What a workload of a benchmark gets.
public struct WorkloadShape: Sendable, Hashable {
    /// The image.
    public var image: String
    /// Memory, in docker's words; `nil` for the default.
    public var memory: String?
    /// Processors; `nil` for the default.
    public var processors: Double?
    /// The network; `nil` for none.
    public var network: String?
    /// The guest's kernel; `nil` for the one in use.
    public var kernel: String?
    /// The format of a VM's disk; `nil` for raw.
    public var disk: String?
    /// How the host caches a VM's disk; `nil` for writeback.
    public var diskCache: String?
    /// Where a new volume is mounted; `nil` for none.
    public var volume: String?
    /// Where a new folder of the host is mounted; `nil` for none.
    public var share: String?
    /// What it runs while it waits for commands; `nil` for nothing.
    public var command: [String]?
    /// What another workload runs that it talks with, which is the same workload where there is no network; `nil` for none.
    public var server: [String]?
    /// The ports of that server, as `80/tcp`, that a published address is asked for.
    public var ports: [String] = []

    /// Describes a workload.
    public init(image: String) { self.image = image }
}

/// What a parameter's value does to a subject.
public enum ParameterEffect: Sendable, Hashable {
    /// It is measured with it.
    case some
    /// It makes no difference: the figures for the parameter's first value stand for it.
    case none
    /// It cannot be measured with it.
    case impossible
}

/// One life of a workload.
public struct Life: Sendable, Hashable {
    /// In seconds: `create`, `start`, `first byte`, `exit`, `remove`, and `phase NAME` of each phase that the engine tells.
    public var figures: [String: Double]
    /// How its start passed; `nil` if nobody tells.
    public var trace: StartupTrace?

    /// Describes a life.
    public init(figures: [String: Double] = [:], trace: StartupTrace? = nil) {
        self.figures = figures
        self.trace = trace
    }
}

/// Something that runs the same image as the others do, and can be measured.
public protocol Subject: Sendable {
    /// What it is called on the command line and in reports.
    var name: String { get }
    /// What has to be known about its figures, such as `tcg`; empty if nothing.
    var remark: String { get }

    /// What a parameter's value does to it.
    func effect(of parameter: Suite.Parameter.Name, _ value: String) -> ParameterEffect

    /// Brings the image to where it is run from.
    func prepare(_ image: String) async throws(BenchmarkError)

    /// Starts a workload that waits for commands.
    func hold(_ shape: WorkloadShape) async throws(BenchmarkError) -> any HeldWorkload

    /// Runs a command as a workload of its own, from its making to its removal.
    func live(_ command: [String], _ shape: WorkloadShape) async throws(BenchmarkError) -> Life
}

/// A workload that waits for commands.
public protocol HeldWorkload: Sendable {
    /// Runs a command to its end.
    func execute(_ command: [String]) async throws(BenchmarkError) -> ProcessResult

    /// What it costs while it does nothing.
    ///
    /// - Parameter idle: For how long its processor time is watched; zero for not at all.
    /// - Returns: By figure: `pss`, `pss ROLE`, `shared`, `page tables` and `storage` in bytes, `processes`, `threads`, and,
    ///   with a kernel of its own, `guest memory`, `guest used`, `guest page cache`, `guest kernel`, `guest slab`,
    ///   `guest page tables` in bytes; `idle processor` in seconds of processor time for each second.
    /// - Throws: What cannot be found out.
    func footprint(idle: Duration) async throws(BenchmarkError) -> [String: Double]

    /// Asks it to end, and waits until it has; in seconds, or `nil` if it is nothing that can be asked.
    func stop() async throws(BenchmarkError) -> Double?

    /// Ends and removes it.
    func release() async
}
