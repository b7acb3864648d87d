// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Frames in both directions over a non-blocking descriptor: a UNIX socket or a virtio-serial port.
final class FrameChannel {
    let descriptor: Int32
    private let loop: EventLoop
    private var decoder = FrameDecoder()
    private var queue: Bytes = []
    private var sent = 0
    private var isReadable = true
    private(set) var isOpen = true

    /// Called for each frame.
    var onFrame: (Frame) -> Void = { _ in }
    /// Called once when the other side is gone or talks nonsense.
    ///
    /// The descriptor is closed by then.
    var onClose: () -> Void = {}
    /// Called whenever everything has been sent.
    var onDrained: () -> Void = {}

    /// Bytes that wait to be sent.
    var backlog: Int { queue.count - sent }

    init(_ descriptor: Int32, on loop: EventLoop) {
        self.descriptor = descriptor
        self.loop = loop
        _ = tandem_set_nonblocking(descriptor, 1)
    }

    /// Starts to listen.
    func open() {
        loop.watch(descriptor, EventLoop.readable) { [self] events in
            if events & EventLoop.writable != 0 { flush() }
            if events & ~EventLoop.writable != 0 { receive() }
        }
    }

    /// Sends a frame, now or as soon as there is room.
    func send(_ frame: Frame) {
        guard isOpen else { return }
        let wasEmpty = backlog == 0
        queue += frame.encoded()
        if wasEmpty { flush() }
    }

    /// Stops or goes on listening, so that the other side feels back-pressure.
    func setReadable(_ readable: Bool) {
        guard isOpen, readable != isReadable else { return }
        isReadable = readable
        updateInterest()
    }

    /// Closes the descriptor.
    func close() {
        guard isOpen else { return }
        isOpen = false
        loop.forget(descriptor)
        _ = CLinux.close(descriptor)
    }

    private func updateInterest() {
        loop.change(
            descriptor, (isReadable ? EventLoop.readable : 0) | (backlog > 0 ? EventLoop.writable : 0))
    }

    private func flush() {
        while backlog > 0 {
            let count = queue.withUnsafeBytes { write(descriptor, $0.baseAddress.unsafelyUnwrapped + sent, backlog) }
            if count < 0 {
                if tandem_errno() == EINTR { continue }
                if tandem_errno() != EAGAIN { return fail() }
                break
            }
            sent += count
        }
        if backlog == 0 {
            queue.removeAll(keepingCapacity: queue.count <= 65_536)
            sent = 0
        } else if sent > 1 << 20 {
            queue.removeFirst(sent)
            sent = 0
        }
        updateInterest()
        if backlog == 0 { onDrained() }
    }

    private func receive() {
        var chunk = Bytes(repeating: 0, count: 65_536)
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && (tandem_errno() == EAGAIN || tandem_errno() == EINTR) { return }
        guard count > 0 else { return fail() }
        decoder.append(chunk[0..<count])
        while isOpen {
            guard let frame = try? decoder.next() else { break }
            onFrame(frame)
        }
        if isOpen && decoder.isBroken { fail() }
    }

    private func fail() {
        guard isOpen else { return }
        close()
        onClose()
    }
}
