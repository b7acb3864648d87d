// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1

/// What arrives: parts of the response first, bytes after the connection has been taken over.
enum InboundPart: Sendable {
    case response(HTTPClientResponsePart)
    case bytes(ByteBuffer)
}

/// What is sent.
enum OutboundPart: Sendable {
    case request(HTTPClientRequestPart)
    case bytes(ByteBuffer)
}

/// The last handler before our code as long as a connection speaks HTTP.
///
/// A response of 101 turns the connection into a plain stream: at once, since its end may already be on its way, and HTTP's
/// decoder would drop what came before.
final class ResponseHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPClientRequestPart

    private var isUpgrading = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        context.fireChannelRead(wrapInboundOut(.response(part)))
        switch part {
        case .head(let head): isUpgrading = head.status == .switchingProtocols
        case .end where isUpgrading: takeOver(context)
        default: break
        }
    }

    private func takeOver(_ context: ChannelHandlerContext) {
        let operations = context.pipeline.syncOperations
        do {
            try operations.addHandler(ByteHandler(), position: .after(self))
        } catch {
            return context.fireErrorCaught(error)
        }
        // The decoder goes last: it hands its left-over bytes to those behind it.
        for name in ["responses", "encoder", "decoder"] { context.pipeline.removeHandler(name: name, promise: nil) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .request(let part) = unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}

/// The last handler before our code on a plain stream.
final class ByteHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.bytes(unwrapInboundIn(data))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .bytes(let bytes) = unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        context.write(wrapOutboundOut(bytes), promise: promise)
    }
}

/// The handlers of one connection, in the order of the pipeline.
enum ConnectionPipeline {
    static func configure(_ channel: any Channel) throws {
        let operations = channel.pipeline.syncOperations
        try operations.addHandler(HTTPRequestEncoder(), name: "encoder")
        try operations.addHandler(
            ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)), name: "decoder")
        try operations.addHandler(ResponseHandler(), name: "responses")
    }
}
