// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import Glibc

extension RunFolder {
    /// Removes everything that the run has made, here and at its endpoints.
    ///
    /// - Returns: Whether that was possible; else the next run finds the folder and tries again.
    @discardableResult public func undo() async -> Bool {
        var isWhole = true
        for socket in record.sockets {
            do throws(ClientError) {
                try await undo(at: TandemClient(socketPath: socket).negotiated())
            } catch {
                isWhole = false
            }
        }
        await RootedProcesses.kill(root: processRoot)
        await HostFiles.remove(processRoot)
        if !isWhole && age > .seconds(7 * 86_400) { isWhole = true }  // a dead endpoint has been tried for long enough
        if isWhole { await HostFiles.remove(path) }
        return isWhole
    }

    /// Since something was recorded last.
    private var age: Duration {
        var status = stat()
        guard stat("\(path)/\(Self.recordName)", &status) == 0 else { return .zero }
        return .seconds(time(nil) - status.st_mtim.tv_sec)
    }

    private func undo(at client: TandemClient) async throws(ClientError) {
        let filters = "{\"label\":[\"\(EngineSubject.label)=\(mark)\"]}"
        let rows = try await client.request("GET", "/containers/json", query: [("all", "1"), ("filters", filters)])
            .json.array
        for row in rows ?? [] {
            try await client.request(
                "DELETE", "/containers/\(row["Id"].string ?? "")", query: [("force", "1"), ("v", "1")])
        }
        if let kernel = record.kernels[client.socketPath] {
            try await client.request("POST", "/tandem/kernels/\(TandemClient.encode(kernel))/use")
        }
    }

    /// Where the image's files are for processes of the host.
    var processRoot: String { path + "/root" }
}
