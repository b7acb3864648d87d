// SPDX-License-Identifier: Apache-2.0

import APIModel
import CLinux
import Client
import Dispatch
import FoundationEssentials
import Glibc
import Synchronization

/// Connects this program's streams with those of a process in a workload.
struct ProcessStream {
    /// Whether the process has a terminal: one raw stream instead of two framed ones.
    let isTerminal: Bool
    /// Whether our standard input goes to it.
    let takesInput: Bool
    /// Takes the documents of control frames; with it everything comes in frames, also from a terminal.
    var onControl: (@Sendable (JSONValue) -> Void)?

    /// How it ended.
    enum End: Sendable {
        /// Everything has been written.
        case finished
        /// The user has typed the detach keys.
        case detached
    }

    /// Moves bytes until the process has ended or the user detaches.
    func run(_ connection: HijackedConnection) async throws(ClientError) -> End {
        let sender = connection.sender
        let isDetached = Atomic(false)
        let input = takesInput ? Task { await feed(sender) { isDetached.store(true, ordering: .relaxed) } } : nil
        defer { input?.cancel() }
        do throws(ClientError) {
            try await receive(connection)
        } catch {
            if isDetached.load(ordering: .relaxed) { return .detached }
            throw error
        }
        return isDetached.load(ordering: .relaxed) ? .detached : .finished
    }

    private func receive(_ connection: HijackedConnection) async throws(ClientError) {
        var decoder = StreamFrameDecoder()
        while let bytes = try await connection.next() {
            if isTerminal && onControl == nil {
                Output.write(bytes)
                continue
            }
            decoder.append(bytes)
            while let piece = decoder.next() {
                switch piece.stream {
                // What cannot be read is a defect of the daemon; the missing end shows.
                case .control: JSONValue(parsing: Data(piece.bytes)).map { onControl?($0) }
                case .errors: Output.write(piece.bytes, to: STDERR_FILENO)
                case .input, .output: Output.write(piece.bytes)
                }
            }
        }
    }

    private func feed(_ sender: HijackedConnection.Sender, _ detached: @Sendable () -> Void) async {
        var keys = DetachKeys()
        while let bytes = await StandardInput.next() {
            var rest = bytes
            if isTerminal {
                let (passed, isDetaching) = keys.filter(bytes)
                rest = passed
                if isDetaching {
                    detached()
                    return sender.close()
                }
            }
            // The process has ended: there is nobody to feed.
            guard (try? await sender.send(rest)) != nil else { return }
        }
        sender.finish()
    }
}

/// Our standard input, read by a thread that may block.
enum StandardInput {
    private static let queue = DispatchQueue(label: "tandem.input")

    /// The next bytes; `nil` at the end.
    static func next() async -> [UInt8]? {
        await withCheckedContinuation { continuation in
            queue.async {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                var count = read(STDIN_FILENO, &buffer, buffer.count)
                while count < 0 && errno == EINTR { count = read(STDIN_FILENO, &buffer, buffer.count) }
                continuation.resume(returning: count > 0 ? Array(buffer[..<count]) : nil)
            }
        }
    }
}

/// Our terminal in raw mode, put back when this goes or the program ends.
final class RawTerminal: Sendable {
    private let saved: termios

    /// - Returns: `nil` if standard input is no terminal.
    init?() {
        var settings = termios()
        guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
        saved = settings
        cfmakeraw(&settings)
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    func restore() {
        var settings = saved
        tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    deinit { restore() }

    /// Rows and columns of our terminal; zeros if there is none.
    static func size() -> (rows: UInt16, columns: UInt16) {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        _ = tandem_get_window_size(STDOUT_FILENO, &rows, &columns)
        return (rows, columns)
    }
}

/// Calls a function for every signal of some kinds, which do nothing else then.
final class SignalWatch {
    private var sources: [any DispatchSourceSignal] = []

    init(_ numbers: [Int32], _ handler: @escaping @Sendable (Int32) -> Void) {
        for number in numbers {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { handler(number) }
            source.resume()
            sources.append(source)
        }
    }

    deinit { for source in sources { source.cancel() } }
}
