// SPDX-License-Identifier: Apache-2.0

import CLinux

#if !hasFeature(Embedded)
    import Glibc
    import LaunchProtocol
#endif

/// Why the kernel refused a request.
public struct NetlinkFailure: Error, Sendable, Equatable {
    /// The error number.
    public let errno: Int32
    /// Which of the requests it was.
    public let index: Int

    init(_ errno: Int32, index: Int = 0) {
        self.errno = errno
        self.index = index
    }

    /// A failure that others have found.
    public init(errno: Int32) { self.init(errno) }
}

/// A socket of the routing family.
///
/// It speaks of the network namespace in which it was made, whichever thread uses it afterwards. Not for two threads at once.
public struct NetlinkSocket: ~Copyable {
    private let descriptor: Int32

    /// Opens a socket in the caller's network namespace.
    public init() throws(NetlinkFailure) {
        descriptor = tandem_netlink_socket()
        guard descriptor >= 0 else { throw NetlinkFailure(tandem_errno()) }
    }

    /// Takes a socket over.
    public init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Carries requests out, all in one message; a failed one does not keep those behind it from being tried.
    ///
    /// - Throws: The first failure.
    public func perform(_ messages: [NetlinkMessage]) throws(NetlinkFailure) {
        guard !messages.isEmpty else { return }
        var batch: Bytes = []
        for (index, message) in messages.enumerated() { batch += message.finished(sequence: UInt32(index + 1)) }
        try send(batch)
        var missing = messages.count
        var failure: NetlinkFailure?
        while missing > 0 {
            try forEachAnswer { answer in
                guard answer.type == 2 else { return true }
                missing -= 1
                if answer.error != 0, failure == nil {
                    failure = NetlinkFailure(-answer.error, index: Int(answer.sequence) - 1)
                }
                return true
            }
        }
        if let failure { throw failure }
    }

    /// Carries one request out.
    public func perform(_ message: NetlinkMessage) throws(NetlinkFailure) { try perform([message]) }

    /// Asks for a list, or one object.
    ///
    /// - Returns: The answers, each with its header of 16 bytes.
    func ask(_ message: NetlinkMessage, isDump: Bool) throws(NetlinkFailure) -> [Bytes] {
        try send(message.finished(sequence: 1))
        var answers: [Bytes] = []
        var isDone = false
        var failure: NetlinkFailure?
        while !isDone {
            try forEachAnswer { answer in
                switch answer.type {
                case 2:
                    isDone = true
                    if answer.error != 0 { failure = NetlinkFailure(-answer.error) }
                case 3: isDone = true
                default:
                    answers.append(answer.bytes)
                    if !isDump { isDone = true }
                }
                return true
            }
        }
        if let failure { throw failure }
        return answers
    }

    private func send(_ content: Bytes) throws(NetlinkFailure) {
        let count = content.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count == content.count else { throw NetlinkFailure(count < 0 ? tandem_errno() : EMSGSIZE) }
    }

    private struct Answer {
        var type: UInt16
        var sequence: UInt32
        var error: Int32
        var bytes: Bytes
    }

    private func forEachAnswer(_ body: (Answer) -> Bool) throws(NetlinkFailure) {
        var buffer = Bytes(repeating: 0, count: 32 << 10)
        var count = -1
        repeat {
            count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        } while count < 0 && tandem_errno() == EINTR
        guard count >= 16 else { throw NetlinkFailure(count < 0 ? tandem_errno() : EPROTO) }
        let reader = NetlinkReader(buffer, from: 0, to: count)
        var offset = 0
        while offset + 16 <= count {
            let length = Int(reader.number(at: offset) as UInt32)
            guard length >= 16, offset + length <= count else { throw NetlinkFailure(EPROTO) }
            let answer = Answer(
                type: reader.number(at: offset + 4), sequence: reader.number(at: offset + 8),
                error: Int32(truncatingIfNeeded: reader.number(at: offset + 16) as UInt32),
                bytes: Bytes(buffer[offset..<offset + length]))
            guard body(answer) else { return }
            offset += (length + 3) & ~3
        }
    }
}
