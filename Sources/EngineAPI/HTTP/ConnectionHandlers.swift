// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHTTP1
import NIOWebSocket

/// What arrives on a connection: parts of HTTP requests first, bytes after it has been taken over.
enum InboundPart: Sendable {
    case request(HTTPServerRequestPart)
    case bytes(ByteBuffer)
}

/// What is sent on a connection.
enum OutboundPart: Sendable {
    case response(HTTPServerResponsePart)
    case bytes(ByteBuffer)
}

/// The last handler before our code as long as a connection speaks HTTP.
final class RequestHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPServerResponsePart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.request(unwrapInboundIn(data))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard case .response(let part) = unwrapOutboundIn(data) else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        context.write(wrapOutboundOut(part), promise: promise)
    }
}

/// The last handler before our code on a connection that has been taken over.
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
        try operations.addHandler(
            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)), name: "decoder")
        try operations.addHandler(HTTPResponseEncoder(), name: "encoder")
        try operations.addHandler(RequestHandler(), name: "requests")
    }

    /// Ends HTTP on a connection: `head` is sent, and whatever has arrived beyond the request comes out as bytes.
    static func takeOver(_ channel: any Channel, head: String, isWebSocket: Bool = false) async throws {
        try await channel.setOption(.allowRemoteHalfClosure, value: true).get()
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline
            let added = channel.eventLoop.makeCompletedFuture {
                let operations = pipeline.syncOperations
                try operations.addHandler(
                    ByteHandler(), position: .after(operations.handler(type: RequestHandler.self)))
            }
            return added.flatMap { pipeline.removeHandler(name: "requests") }
                .flatMap { pipeline.removeHandler(name: "encoder") }
                .flatMap {
                    channel.eventLoop.makeCompletedFuture {
                        let operations = pipeline.syncOperations
                        // From the front, around all handlers.
                        try operations.context(handlerType: ByteHandler.self).writeAndFlush(
                            NIOAny(ByteBuffer(string: head)), promise: nil)
                        if isWebSocket { try addWebSocket(to: operations) }
                    }
                }
                // The decoder goes last: it hands its left-over bytes to those behind it.
                .flatMap { pipeline.removeHandler(name: "decoder") }
        }.get()
    }

    private static func addWebSocket(to operations: ChannelPipeline.SynchronousOperations) throws {
        let last = try operations.handler(type: ByteHandler.self)
        try operations.addHandler(WebSocketFrameEncoder(), position: .before(last))
        try operations.addHandler(ByteToMessageHandler(WebSocketFrameDecoder()), position: .before(last))
        try operations.addHandler(WebSocketHandler(), position: .before(last))
    }
}
