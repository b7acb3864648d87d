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
/// A response of 101, or one to a request that asks for an upgrade, turns the connection into a plain stream.
final class ResponseHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPClientRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.response(unwrapInboundIn(data))))
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

    /// Ends HTTP on a connection: what has arrived beyond the response comes out as bytes.
    static func takeOver(_ channel: any Channel) async throws {
        try await channel.eventLoop.flatSubmit {
            let pipeline = channel.pipeline
            let added = channel.eventLoop.makeCompletedFuture {
                let operations = pipeline.syncOperations
                try operations.addHandler(ByteHandler(), position: .after(operations.handler(type: ResponseHandler.self)))
            }
            return added.flatMap { pipeline.removeHandler(name: "responses") }
                .flatMap { pipeline.removeHandler(name: "encoder") }
                .flatMap { pipeline.removeHandler(name: "decoder") }
        }.get()
    }
}
