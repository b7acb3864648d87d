// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Namespaces of other workloads, opened while their processes are known to live.
struct JoinedNamespaces {
    private var opened: [(namespace: NamespaceSet, descriptor: Int32)] = []

    /// - Returns: Why one of them cannot be opened, if so.
    static func open(_ entries: [JoinedNamespace]) -> Result<JoinedNamespaces, LaunchFailure> {
        var joined = JoinedNamespaces()
        for entry in entries {
            let name =
                switch entry.namespace {
                case .pid: bytes("pid")
                case .network: bytes("net")
                default: bytes("ipc")
                }
            let path = bytes("/proc/") + digits(Int(entry.process)) + bytes("/ns/") + name
            let descriptor = tandem_init.open(path, O_RDONLY)
            guard descriptor >= 0 else {
                let failure = LaunchFailure(.enter, errno: tandem_errno(), object: path)
                joined.closeAll()
                return .failure(failure)
            }
            joined.opened.append((entry.namespace, descriptor))
        }
        return .success(joined)
    }

    func closeAll() {
        for entry in opened { close(entry.descriptor) }
    }

    /// Joins those that take effect for the caller itself.
    func enter(_ report: FailureReport) {
        for entry in opened where entry.namespace != .pid {
            report.check(setns(entry.descriptor, Int32(bitPattern: entry.namespace.rawValue)), .enter)
        }
    }

    /// Calls `body`, whose clone is born into the pid namespace to be joined, if there is one.
    ///
    /// Such a namespace takes effect for children only (setns(2)); the caller's later children are its own again.
    func withChildNamespace<Value>(
        _ body: () -> Result<Value, LaunchFailure>
    ) -> Result<Value, LaunchFailure> {
        let flag = Int32(bitPattern: NamespaceSet.pid.rawValue)
        var target: Int32 = -1
        for entry in opened where entry.namespace == .pid { target = entry.descriptor }
        guard target >= 0 else { return body() }
        let own = tandem_init.open(bytes("/proc/self/ns/pid"), O_RDONLY)
        guard own >= 0, setns(target, flag) == 0 else {
            let failure = LaunchFailure(.enter, errno: tandem_errno(), object: bytes("pid namespace"))
            if own >= 0 { close(own) }
            return .failure(failure)
        }
        let result = body()
        _ = setns(own, flag)
        close(own)
        return result
    }
}
