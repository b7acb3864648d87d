// SPDX-License-Identifier: Apache-2.0

import APIModel

/// What a further process in a workload has written, and how it ended.
public struct ProcessResult: Sendable, Hashable {
    /// Its standard output.
    public var output: [UInt8]
    /// Its standard error.
    public var errors: [UInt8]
    /// Its exit code.
    public var code: Int
    /// From sending the request for its start to the end of its streams.
    public var duration: Duration

    /// Describes the end of a process.
    public init(output: [UInt8], errors: [UInt8], code: Int, duration: Duration) {
        self.output = output
        self.errors = errors
        self.code = code
        self.duration = duration
    }
}

extension TandemClient {
    /// Runs a command in a workload to its end, by the calls that every daemon of this API has.
    public func execute(_ command: [String], in id: String) async throws(ClientError) -> ProcessResult {
        let body: JSONValue = ["Cmd": .strings(command), "AttachStdout": true, "AttachStderr": true]
        let execution = try await request("POST", "/containers/\(id)/exec", body: body).json["Id"].string ?? ""
        let clock = ContinuousClock()
        let begun = clock.now
        var result = try await hijack("/exec/\(execution)/start", body: ["Detach": false, "Tty": false]) {
            connection throws(ClientError) in
            var result = ProcessResult(output: [], errors: [], code: 0, duration: .zero)
            var decoder = StreamFrameDecoder()
            while let bytes = try await connection.next() {
                decoder.append(bytes)
                while let piece = decoder.next() {
                    if piece.stream == .errors { result.errors += piece.bytes } else { result.output += piece.bytes }
                }
            }
            result.duration = clock.now - begun
            return result
        }
        result.code = Int(try await request("GET", "/exec/\(execution)/json").json["ExitCode"].integer ?? 125)
        return result
    }

    /// A client that speaks the version that both sides know.
    public func negotiated() async throws(ClientError) -> TandemClient {
        let response = try await request("GET", "/_ping")
        guard let theirs = response.headers["api-version"], theirs != version else { return self }
        let newest = theirs.split(separator: ".").compactMap { Int($0) }
        let ours = version.split(separator: ".").compactMap { Int($0) }
        return newest.lexicographicallyPrecedes(ours) ? TandemClient(socketPath: socketPath, version: theirs) : self
    }
}
