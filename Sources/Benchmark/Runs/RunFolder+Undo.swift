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
        // A dead endpoint has been tried for long enough.
        if age > .seconds(7 * 86_400) { isWhole = true }
        await HostFiles.remove(isWhole ? path : processRoot)
        return isWhole
    }

    /// Since something was recorded last.
    private var age: Duration {
        var status = stat()
        guard stat("\(path)/\(Self.recordName)", &status) == 0 else { return .zero }
        return .seconds(time(nil) - status.st_mtim.tv_sec)
    }

    private func undo(at client: TandemClient) async throws(ClientError) {
        let filters = "{\"label\":[\"\(Self.label)=\(mark)\"]}"
        let rows = try await client.request("GET", "/containers/json", query: [("all", "1"), ("filters", filters)])
            .json.array
        for row in rows ?? [] { try await client.remove(row["Id"].string ?? "") }
        if let kernel = record.kernels[client.socketPath] {
            try await client.request("POST", "/tandem/kernels/\(TandemClient.encode(kernel))/use")
        }
    }
}
