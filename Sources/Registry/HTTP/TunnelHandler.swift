// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Asks a proxy for a tunnel to a server (RFC 9110, 9.3.6), and lets the handlers behind it begin when it is there.
final class TunnelHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The proxy has not made the tunnel.
    struct Refusal: Error {
        var reason: String
    }

    private static let longestHead = 16_384

    private let request: String
    private let isOpen: EventLoopPromise<Void>
    private var head: [UInt8] = []
    private var deadline: Scheduled<Void>?

    /// `target` is host and port; `authorization` may be empty.
    init(target: String, authorization: String, isOpen: EventLoopPromise<Void>) {
        let line = authorization.isEmpty ? "" : "Proxy-Authorization: \(authorization)\r\n"
        request = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: tandem\r\n\(line)\r\n"
        self.isOpen = isOpen
    }

    func channelActive(context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        deadline = context.eventLoop.scheduleTask(in: .seconds(30)) {
            let (handler, context) = bound.value
            handler.fail(context, "i/o timeout")
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        head += buffer.readableBytesView
        guard let end = Self.end(of: head) else {
            if head.count > Self.longestHead { fail(context, "malformed HTTP response") }
            return
        }
        let line = head.prefix { $0 != 0x0D && $0 != 0x0A }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].hasPrefix("HTTP/1."), words[1].hasPrefix("2") else {
            return fail(context, RegistryFailure.clean(words.count == 2 ? String(words[1]) : "malformed HTTP response"))
        }
        let rest = head[end...]
        deadline?.cancel()
        isOpen.succeed()
        context.fireChannelActive()
        if !rest.isEmpty { context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: rest))) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    /// Also of a connection that was never made.
    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        isOpen.fail(Refusal(reason: "EOF"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        isOpen.fail(error)
        context.fireErrorCaught(error)
    }

    private func fail(_ context: ChannelHandlerContext, _ reason: String) {
        isOpen.fail(Refusal(reason: reason))
        context.close(promise: nil)
    }

    private static func end(of head: [UInt8]) -> Int? {
        guard head.count >= 4 else { return nil }
        return (4...head.count).first { head[($0 - 4)..<$0].elementsEqual([13, 10, 13, 10]) }
    }
}
