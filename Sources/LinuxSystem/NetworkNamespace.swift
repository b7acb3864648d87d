// SPDX-License-Identifier: Apache-2.0

import CLinux
import Dispatch
import Glibc
import Synchronization
public import TandemModel

/// Network namespaces, by descriptors.
///
/// A thread that changes its namespace ends afterwards: what a pool hands on must be in the daemon's own.
public enum NetworkNamespace {
    /// Makes a namespace.
    ///
    /// Blocks.
    ///
    /// - Returns: A descriptor, which the caller closes.
    public static func make() throws(EngineError) -> Int32 {
        let result = onOwnThread {
            guard unshare(CLONE_NEWNET) == 0 else { return -errno }
            let descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
            return descriptor < 0 ? -errno : descriptor
        }
        guard result >= 0 else { throw failure("a network namespace cannot be made", -result) }
        return result
    }

    /// Opens a netlink socket in the network namespace of a process.
    ///
    /// Blocks.
    ///
    /// - Returns: A descriptor, which the caller closes.
    public static func openSocket(inNamespaceOf process: Int32) throws(EngineError) -> Int32 {
        let result = onOwnThread {
            let namespace = open("/proc/\(process)/ns/net", O_RDONLY | O_CLOEXEC)
            guard namespace >= 0 else { return -errno }
            defer { close(namespace) }
            guard setns(namespace, CLONE_NEWNET) == 0 else { return -errno }
            let socket = tandem_netlink_socket()
            return socket < 0 ? -errno : socket
        }
        guard result >= 0 else { throw failure("the network of process \(process) cannot be entered", -result) }
        return result
    }

    private static func onOwnThread(_ body: @escaping @Sendable () -> Int32) -> Int32 {
        let done = DispatchSemaphore(value: 0)
        let box = Box()
        let started = WorkerThread.start {
            box.value.store(body(), ordering: .releasing)
            done.signal()
        }
        guard started else { return -EAGAIN }
        done.wait()
        return box.value.load(ordering: .acquiring)
    }

    private final class Box: Sendable {
        let value = Atomic<Int32>(-EAGAIN)
    }

    private static func failure(_ what: String, _ problem: Int32) -> EngineError {
        EngineError(
            .internal, "\(what): \(String(cString: strerror(problem)))",
            hint: "The kernel needs CONFIG_NET_NS, and the daemon CAP_SYS_ADMIN.")
    }
}
