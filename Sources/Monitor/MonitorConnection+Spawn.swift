// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
public import LaunchProtocol
import LinuxSystem
public import SystemPackage
public import TandemModel

extension MonitorConnection {
    /// Spawns a monitor that waits for `start()`.
    ///
    /// Blocks for about a millisecond. The monitor gets a session of its own, nothing of our environment, and no
    /// descriptor but its plan (3), our connection (4), its program (5), `errorLog` as standard error, and those of
    /// `passed`, from `firstPassedDescriptor` on.
    public static func spawn(
        program: MonitorProgram, plan: MonitorPlan, errorLog: FilePath, passed: [Int32] = []
    ) throws(EngineError) -> MonitorConnection {
        var pair: [Int32] = [-1, -1]
        guard tandem_socket_pair(&pair) == 0 else { throw exhausted }
        let planFile = try sealedPlan(plan, closing: pair)
        // Above the numbers that the monitor gets, so that no dup2 overwrites another's source.
        let lowest = Int32(64 + passed.count)
        let sources = ([planFile, pair[1], program.descriptor] + passed).map { tandem_duplicate_above($0, lowest) }
        Glibc.close(planFile)
        Glibc.close(pair[1])
        defer { for source in sources where source >= 0 { Glibc.close(source) } }
        guard sources.allSatisfy({ $0 >= 0 }) else {
            Glibc.close(pair[0])
            throw exhausted
        }
        var process: pid_t = 0
        let problem = spawn(&process, sources, errorLog)
        guard problem == 0 else {
            Glibc.close(pair[0])
            throw EngineError(
                .internal, "'\(program.path)' cannot be executed: \(String(cString: strerror(problem)))",
                hint: "Check that it is the tandem-init that was built for this machine.")
        }
        HostProcess(process).collect()
        return MonitorConnection(
            descriptor: pair[0], monitorProcess: process,
            socketPath: FilePath(String(decoding: plan.socketPath, as: UTF8.self)))
    }

    /// The number of the first descriptor that is passed on to a monitor.
    public static let firstPassedDescriptor: Int32 = 6

    private static var exhausted: EngineError {
        EngineError(
            .resourceExhausted, "no file descriptor is left for a monitor",
            hint: "Raise the daemon's limit on open files.")
    }

    private static func sealedPlan(_ plan: MonitorPlan, closing pair: [Int32]) throws(EngineError) -> Int32 {
        let file = tandem_memory_file("plan")
        let content = plan.encoded()
        let isWritten = content.withUnsafeBytes { file >= 0 && write(file, $0.baseAddress, $0.count) == $0.count }
        guard isWritten, tandem_seal(file) == 0 else {
            for descriptor in pair + [file] where descriptor >= 0 { Glibc.close(descriptor) }
            throw exhausted
        }
        return file
    }

    /// posix_spawn(3) shares our memory until the execve: its cost does not grow with the daemon.
    private static func spawn(_ process: inout pid_t, _ sources: [Int32], _ errorLog: FilePath) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
        posix_spawn_file_actions_adddup2(&actions, 0, 1)
        errorLog.withPlatformString {
            _ = posix_spawn_file_actions_addopen(&actions, 2, $0, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        for (index, source) in sources.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(3 + index))
        }
        posix_spawn_file_actions_addclosefrom_np(&actions, Int32(3 + sources.count))
        posix_spawn_file_actions_addchdir_np(&actions, "/")
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let flags = POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        posix_spawnattr_setflags(&attributes, Int16(flags))
        let arguments: [UnsafeMutablePointer<CChar>?] = [strdup("tandem-init"), strdup("monitor"), nil]
        defer { for argument in arguments { free(argument) } }
        let environment: [UnsafeMutablePointer<CChar>?] = [nil]
        // Descriptor 5 is this program by the time of the execve.
        return posix_spawn(&process, "/proc/self/fd/5", &actions, &attributes, arguments, environment)
    }
}
