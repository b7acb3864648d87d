// SPDX-License-Identifier: Apache-2.0

import Crypto
import FoundationEssentials
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Between WebSocket frames (RFC 6455) on the wire and plain bytes inside.
final class WebSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = WebSocketFrame

    private var hasSentClose = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text, .binary, .continuation: context.fireChannelRead(wrapInboundOut(frame.unmaskedData))
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .connectionClose:
            // The client has said its last word, and goes when it has ours.
            sendClose(context)
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            context.close(promise: nil)
        default: break
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let frame = WebSocketFrame(fin: true, opcode: .binary, data: unwrapOutboundIn(data))
        context.write(wrapOutboundOut(frame), promise: promise)
    }

    /// WebSocket has no half-closed state: the end of what we send is a close frame.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        sendClose(context)
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        promise?.succeed()
    }

    private func sendClose(_ context: ChannelHandlerContext) {
        guard !hasSentClose else { return }
        hasSentClose = true
        var code = context.channel.allocator.buffer(capacity: 2)
        code.write(webSocketErrorCode: .normalClosure)
        context.writeAndFlush(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: .connectionClose, data: code)), promise: nil)
    }
}

/// The opening handshake (RFC 6455, section 4.2.2).
enum WebSocketHandshake {
    /// The head of the answer, or `nil` if the request asks for no WebSocket.
    static func answer(to request: Request) -> String? {
        let headers = request.headers
        guard headers["Upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            headers["Sec-WebSocket-Version"].first == "13", let key = headers["Sec-WebSocket-Key"].first
        else { return nil }
        return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(accept(key))\r\n\r\n"
    }

    private static func accept(_ key: String) -> String {
        // The RFC's own constant; SHA-1 tells a WebSocket server from others and protects nothing.
        let text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        return Data(Insecure.SHA1.hash(data: Data(text.utf8))).base64EncodedString()
    }
}
