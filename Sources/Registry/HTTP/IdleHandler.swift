// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// Ends a connection on which nothing moves, or whose other side does not answer in TLS.
final class IdleHandler: ChannelDuplexHandler {
    typealias InboundIn = Any
    typealias OutboundIn = Any

    /// Nothing moved for too long.
    struct Timeout: Error {}
    /// Whoever is there does not speak TLS.
    struct HandshakeFailure: Error {
        var reason: String
    }

    private let isSecure: Bool
    private var isShaken = false
    private var handshake: Scheduled<Void>?

    init(isSecure: Bool) { self.isSecure = isSecure }

    func channelActive(context: ChannelHandlerContext) {
        if isSecure {
            let context = NIOLoopBound(context, eventLoop: context.eventLoop)
            // As Docker's client has it.
            handshake = context.value.eventLoop.scheduleTask(in: .seconds(10)) {
                context.value.fireErrorCaught(HandshakeFailure(reason: "net/http: TLS handshake timeout"))
                context.value.close(promise: nil)
            }
        }
        context.fireChannelActive()
    }

    /// Whatever ends the connection before it is secure says that the other side does not speak TLS.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let isExplained = error is NIOSSLError || error is BoringSSLError || error is NIOSSLExtraError
        guard isSecure, !isShaken, !isExplained, !(error is HandshakeFailure) else {
            return context.fireErrorCaught(error)
        }
        context.fireErrorCaught(HandshakeFailure(reason: "tls: handshake failure: \(error)"))
    }

    func channelInactive(context: ChannelHandlerContext) {
        handshake?.cancel()
        if isSecure, !isShaken { context.fireErrorCaught(HandshakeFailure(reason: "EOF")) }
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent:
            context.fireErrorCaught(Timeout())
            context.close(promise: nil)
        case TLSUserEvent.handshakeCompleted(_):
            isShaken = true
            handshake?.cancel()
            context.fireUserInboundEventTriggered(event)
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}
