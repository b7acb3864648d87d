// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import Synchronization

/// A TCP server on 127.0.0.1 with a thread for each connection.
public final class LoopbackServer: Sendable {
    /// The port, which the kernel has chosen.
    public let port: Int
    private let listener: Int32
    private let isStopped = Mutex(false)

    /// Serves each connection by `serve`, which need not close it.
    public init(_ serve: @escaping @Sendable (Int32) -> Void) throws {
        signal(SIGPIPE, SIG_IGN)
        let (listener, port) = try Self.listen()
        (self.listener, self.port) = (listener, port)
        Thread.detachNewThread { [isStopped = StopFlag(self)] in
            while true {
                let connection = accept(listener, __SOCKADDR_ARG(__sockaddr__: nil), nil)
                if connection < 0 {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                if isStopped.value {
                    _ = close(connection)
                    return
                }
                Thread.detachNewThread {
                    serve(connection)
                    close(connection)
                }
            }
        }
    }

    /// The thread must not keep its server alive.
    private final class StopFlag: Sendable {
        private weak let server: LoopbackServer?
        init(_ server: LoopbackServer) { self.server = server }
        var value: Bool { server?.isStopped.withLock { $0 } ?? true }
    }

    /// `127.0.0.1:port`.
    public var address: String { "127.0.0.1:\(port)" }

    /// Takes no more connections.
    public func stop() {
        isStopped.withLock { $0 = true }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private static func listen() throws -> (Int32, Int) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Self.loopback(0)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                getsockname(socket, __SOCKADDR_ARG(__sockaddr__: $0), &length)
            }
        }
        guard socket >= 0, bound == 0, Glibc.listen(socket, 64) == 0 else {
            throw Daemon.Failure(description: "no server can be made on 127.0.0.1")
        }
        return (socket, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func loopback(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    /// A connection to a port of this machine; -1 if nobody listens there.
    public static func connect(to port: Int) -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = loopback(port)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(socket, __CONST_SOCKADDR_ARG(__sockaddr__: $0), socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result == 0 { return socket }
        close(socket)
        return -1
    }

    /// A port on which nobody listens at the moment.
    public static func freePort() throws -> Int {
        let (listener, port) = try listen()
        close(listener)
        return port
    }

    /// Writes all of it; a peer that has gone does not matter.
    public static func send(_ bytes: some Collection<UInt8>, to connection: Int32) -> Bool {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { write(connection, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
