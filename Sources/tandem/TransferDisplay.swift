// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import FoundationEssentials
import Glibc

/// Shows what a pull or push tells: on a terminal a line for each layer that changes, as docker does; elsewhere only what is
/// done, a line each.
struct TransferDisplay {
    private let descriptor: Int32
    private let isTerminal: Bool
    private let isQuiet: Bool
    private var lines: [String] = []

    init(on descriptor: Int32 = STDOUT_FILENO, isQuiet: Bool = false) {
        self.descriptor = descriptor
        self.isQuiet = isQuiet
        isTerminal = Output.isTerminal(descriptor)
    }

    /// Steps that only a line that changes can show.
    private static let passing = [
        "Pulling fs layer", "Waiting", "Downloading", "Verifying Checksum", "Download complete", "Extracting",
        "Preparing",
        "Pushing",
    ]

    /// Shows one line of the stream; those that are no progress show nothing.
    mutating func show(_ document: JSONValue) {
        guard !isQuiet, let status = document["status"].string else { return }
        let id = document["id"].string ?? ""
        let isLayer = document["progressDetail"].object != nil
        guard isTerminal else {
            if !isLayer || !Self.passing.contains(status) {
                Output.write(id.isEmpty ? "\(status)\n" : "\(id): \(status)\n", to: descriptor)
            }
            return
        }
        if isLayer, id.isEmpty {
            return Output.write("\r\(status) \(document["progress"].string ?? "")\u{1B}[K", to: descriptor)
        }
        guard isLayer else {
            lines = []
            return Output.write(id.isEmpty ? "\(status)\n" : "\(id): \(status)\n", to: descriptor)
        }
        let text = "\(id): \(status) \(document["progress"].string ?? "")"
        if let index = lines.firstIndex(of: id) {
            let distance = lines.count - index
            Output.write("\u{1B}[\(distance)A\u{1B}[2K\r\(text)\r\u{1B}[\(distance)B", to: descriptor)
        } else {
            lines.append(id)
            Output.write("\(text)\n", to: descriptor)
        }
    }

    /// Sends a request, shows what comes back, and gives the document of a push's end.
    ///
    /// - Throws: What the daemon answered, or told in a line of the stream.
    @discardableResult
    mutating func follow(
        _ client: TandemClient, _ path: String, query: [(String, String)], headers: [(String, String)]
    ) async throws(ClientError) -> JSONValue {
        var display = self
        let (aux, last) = try await client.stream("POST", path, query: query, headers: headers) {
            (response) throws(ClientError) -> (JSONValue, TransferDisplay) in
            var rest: [UInt8] = []
            var aux = JSONValue.null
            while let bytes = try await response.next() {
                rest += bytes
                while let end = rest.firstIndex(of: 0x0A) {
                    let document = JSONValue(parsing: Data(rest[..<end])) ?? .null
                    rest.removeFirst(end + 1)
                    if let message = document["error"].string {
                        throw ClientError(
                            status: 0, message: message, hint: document["errorDetail"]["hint"].string,
                            code: "unavailable")
                    }
                    if document["aux"] != .null { aux = document["aux"] }
                    display.show(document)
                }
            }
            return (aux, display)
        }
        self = last
        return aux
    }
}
