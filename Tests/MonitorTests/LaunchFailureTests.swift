// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import Monitor
import SystemPackage
import TandemModel
import Testing

@Suite("The monitor's client")
struct LaunchFailureTests {
    private func error(_ step: LaunchFailure.Step, _ errno: Int32, _ object: String) -> EngineError {
        EngineError(LaunchFailure(step, errno: errno, object: Bytes(object.utf8)))
    }

    @Test("commands have Docker's words and codes")
    func commands() {
        let missing = error(.commandNotFound, 2, "nope")
        #expect(missing.code == .commandNotFound)
        #expect(missing.message == "exec: \"nope\": executable file not found in $PATH")
        #expect(
            error(.commandNotFound, 2, "/bin/nope").message
                == "exec: \"/bin/nope\": stat /bin/nope: no such file or directory")
        let refused = error(.commandNotExecutable, 13, "/etc")
        #expect(refused.code == .commandNotExecutable)
        #expect(refused.message == "exec: \"/etc\": permission denied")
    }

    @Test("the code follows from the error number")
    func codes() {
        #expect(error(.root, 28, "/x").code == .resourceExhausted)
        #expect(error(.cgroup, 1, "/x").code == .permissionDenied)
        #expect(error(.mount, 22, "/x").code == .invalidArgument)
        #expect(error(.clone, 22, "").code == .internal)
        #expect(error(.user, 2, "joe").message == "unable to find user joe: no matching entries in passwd file")
        #expect(error(.group, 2, "joes").message == "unable to find group joes: no matching entries in group file")
    }

    @Test("nobody at a socket is an answer, and so is no record")
    func absent() async {
        #expect(await MonitorConnection.connect(socketPath: "/nonexistent/monitor.sock") == nil)
        #expect(MonitorConnection.recordedExit(at: "/nonexistent/exit") == nil)
    }
}
