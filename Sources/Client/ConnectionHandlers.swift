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

/// The last handler before our code.
final class ResponseHandler: ChannelDuplexHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias InboundOut = InboundPart
    typealias OutboundIn = OutboundPart
    typealias OutboundOut = HTTPClientRequestPart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(.response(unwrapInboundIn(data))))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .request(let part): context.write(wrapOutboundOut(part), promise: promise)
        case .bytes(let bytes):
            // Around the encoder.
            do {
                let upgrade = try context.pipeline.syncOperations.context(handlerType: UpgradeHandler.self)
                upgrade.write(NIOAny(bytes), promise: promise)
            } catch {
                promise?.fail(error)
            }
        }
    }
}

/// The first handler of a connection that is to be taken over.
///
/// After a response of 101 everything that arrives goes around HTTP's decoder, which would drop it together with an end
/// of the stream that comes close behind. Any other response is the decoder's.
final class UpgradeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private enum State {
        case waiting(ByteBuffer)
        case refused
        case taken(ChannelHandlerContext)
    }

    private var state = State.waiting(ByteBuffer())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch state {
        case .refused: context.fireChannelRead(data)
        case .taken(let last): last.fireChannelRead(NIOAny(InboundPart.bytes(bytes)))
        case .waiting(var head):
            head.writeBuffer(&bytes)
            state = .waiting(head)
            decide(head, context)
        }
    }

    private func decide(_ head: ByteBuffer, _ context: ChannelHandlerContext) {
        var rest = head
        let status = Array("HTTP/1.1 101".utf8)
        guard head.readableBytes >= status.count else { return }
        guard head.readableBytesView.starts(with: status), let last = lastContext(context) else {
            state = .refused
            return context.fireChannelRead(wrapInboundOut(head))
        }
        guard let end = Self.headEnd(head) else { return }
        rest.moveReaderIndex(forwardBy: end)
        state = .taken(last)
        let response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols)
        last.fireChannelRead(NIOAny(InboundPart.response(.head(response))))
        if rest.readableBytes > 0 { last.fireChannelRead(NIOAny(InboundPart.bytes(rest))) }
    }

    private func lastContext(_ context: ChannelHandlerContext) -> ChannelHandlerContext? {
        // Without that handler there is nobody to take the connection over.
        try? context.pipeline.syncOperations.context(handlerType: ResponseHandler.self)
    }

    /// Length of a head with its empty line; `nil` if more has to arrive.
    private static func headEnd(_ head: ByteBuffer) -> Int? {
        let bytes = Array(head.readableBytesView)
        guard bytes.count >= 4 else { return nil }
        for index in 3..<bytes.count where bytes[(index - 3)...index].elementsEqual([13, 10, 13, 10]) {
            return index + 1
        }
        return nil
    }

    func channelReadComplete(context: ChannelHandlerContext) { target(context).fireChannelReadComplete() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        target(context).fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) { target(context).fireChannelInactive() }

    private func target(_ context: ChannelHandlerContext) -> ChannelHandlerContext {
        if case .taken(let last) = state { last } else { context }
    }
}

/// The handlers of one connection, in the order of the pipeline.
enum ConnectionPipeline {
    static func configure(_ channel: any Channel, upgrades: Bool) throws {
        let operations = channel.pipeline.syncOperations
        if upgrades { try operations.addHandler(UpgradeHandler()) }
        try operations.addHandler(HTTPRequestEncoder())
        try operations.addHandler(ByteToMessageHandler(HTTPResponseDecoder()))
        try operations.addHandler(ResponseHandler())
    }
}
