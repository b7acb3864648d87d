// SPDX-License-Identifier: Apache-2.0

import Client
import Glibc

/// Sends a file, a folder as a tar, or standard input.
enum Upload {
    static func send(
        _ file: String, _ path: String, _ query: [(String, String)], _ client: TandemClient,
        showsProgress: Bool = true
    ) async throws -> TandemClient.Response {
        if file == "-" { return try await client.upload("POST", path, query: query) { await StandardInput.next() } }
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw CommandFailure(1, "open \(file): \(String(cString: strerror(errno)))", hint: "Check the path.")
        }
        if status.st_mode & S_IFMT == S_IFDIR {
            let tar = try Tar(["-c", "-f", "-", "-C", file, "."], writesTo: ())
            let response = try await client.upload("POST", path, query: query) { tar.receive() }
            try tar.finish()
            return response
        }
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(1, "open \(file): \(String(cString: strerror(errno)))", hint: "Check its rights.")
        }
        defer { close(descriptor) }
        let progress = Progress(total: Int64(status.st_size))
        defer { progress.end() }
        return try await client.upload("POST", path, query: query) {
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            let count = read(descriptor, &buffer, buffer.count)
            guard count > 0 else { return nil }
            if showsProgress { progress.add(Int64(count)) }
            return count == buffer.count ? buffer : Array(buffer[..<count])
        }
    }
}

/// A line on a terminal that says how far something is, once it has taken a second.
final class Progress {
    private let total: Int64
    private var done: Int64 = 0
    private let begun = ContinuousClock.now
    private var last = ContinuousClock.now
    private var isShown = false

    init(total: Int64) { self.total = total }

    func add(_ count: Int64) {
        done += count
        let now = ContinuousClock.now
        guard now - begun > .seconds(1), now - last > .milliseconds(100), Output.isTerminal(STDERR_FILENO) else {
            return
        }
        last = now
        isShown = true
        Output.write(
            "\r\(Size.decimal(done)) of \(Size.decimal(total)) (\(done * 100 / max(1, total)) %)\u{1B}[K",
            to: STDERR_FILENO)
    }

    func end() { if isShown { Output.write("\r\u{1B}[K", to: STDERR_FILENO) } }
}
