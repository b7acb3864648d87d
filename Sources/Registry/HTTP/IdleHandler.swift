// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOTLS

/// Ends a connection on which nothing moves, or whose other side does not answer in TLS.
final class IdleHandler: ChannelDuplexHandler {
    typealias InboundIn = Any
    typealias OutboundIn = Any

    /// Nothing moved for too long.
    struct Timeout: Error {}
    /// Whoever is there does not speak TLS.
    struct HandshakeTimeout: Error {}

    private let isSecure: Bool
    private var handshake: Scheduled<Void>?

    init(isSecure: Bool) { self.isSecure = isSecure }

    func channelActive(context: ChannelHandlerContext) {
        if isSecure {
            let context = NIOLoopBound(context, eventLoop: context.eventLoop)
            // As Docker's client has it.
            handshake = context.value.eventLoop.scheduleTask(in: .seconds(10)) {
                context.value.fireErrorCaught(HandshakeTimeout())
                context.value.close(promise: nil)
            }
        }
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        handshake?.cancel()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent:
            context.fireErrorCaught(Timeout())
            context.close(promise: nil)
        case TLSUserEvent.handshakeCompleted(_):
            handshake?.cancel()
            context.fireUserInboundEventTriggered(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}
