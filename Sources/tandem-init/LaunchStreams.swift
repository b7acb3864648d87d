// SPDX-License-Identifier: Apache-2.0
import CLinux

/// Both sides of the descriptors that connect a launcher with its child; -1 for what is not there.
struct LaunchStreams {
    /// A pseudo terminal instead of pipes: the child allocates it in the workload's own devpts, so that `tty` names
    /// a path that exists there, and sends the master by `childSocket`.
    var terminal = false
    var childInput: Int32 = -1
    var childOutput: Int32 = -1
    var childErrors: Int32 = -1
    var childReports: Int32 = -1
    var childSocket: Int32 = -1
    var childGate: Int32 = -1
    var parentInput: Int32 = -1
    var parentOutput: Int32 = -1
    var parentErrors: Int32 = -1
    var parentReports: Int32 = -1
    var parentSocket: Int32 = -1
    var parentGate: Int32 = -1

    static func make(_ plan: ProcessPlan) -> Result<LaunchStreams, LaunchFailure> {
        var streams = LaunchStreams()
        do throws(LaunchFailure) {
            try streams.open(plan)
            return .success(streams)
        } catch {
            streams.closeAll()
            return .failure(error)
        }
    }

    private mutating func open(_ plan: ProcessPlan) throws(LaunchFailure) {
        (parentReports, childReports) = try Self.pipe()
        (childGate, parentGate) = try Self.pipe()
        terminal = plan.terminal
        if terminal {
            var pair: (Int32, Int32) = (-1, -1)
            let result = withUnsafeMutableBytes(of: &pair) { bytes in
                tandem_socket_pair(bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
            }
            try check(result, .standardStreams)
            (parentSocket, childSocket) = pair
            return
        }
        if plan.openStandardInput { (childInput, parentInput) = try Self.pipe() }
        (parentOutput, childOutput) = try Self.pipe()
        (parentErrors, childErrors) = try Self.pipe()
    }

    /// The reading and the writing end of a new pipe.
    private static func pipe() throws(LaunchFailure) -> (Int32, Int32) {
        var pair: (Int32, Int32) = (-1, -1)
        let result = withUnsafeMutableBytes(of: &pair) { bytes in
            tandem_pipe(bytes.baseAddress?.assumingMemoryBound(to: Int32.self))
        }
        try check(result, .standardStreams)
        return pair
    }

    /// Lets the child go on.
    func allowStart() {
        _ = writeAll(parentGate, [1])
        close(parentGate)
    }

    /// Waits in the child for `allowStart`; false if the launcher has gone or given up.
    func waitForStart() -> Bool {
        var byte: UInt8 = 0
        var count = read(childGate, &byte, 1)
        while count < 0 && tandem_errno() == EINTR { count = read(childGate, &byte, 1) }
        return count == 1
    }

    func closeChildSide() {
        for descriptor in [childInput, childOutput, childErrors, childReports, childSocket, childGate] {
            closeIfOpen(descriptor)
        }
    }

    func closeParentSide() {
        for descriptor in [parentInput, parentOutput, parentErrors, parentReports, parentSocket, parentGate] {
            closeIfOpen(descriptor)
        }
    }

    func closeAll() {
        closeChildSide()
        closeParentSide()
    }
}
