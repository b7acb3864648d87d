// SPDX-License-Identifier: Apache-2.0

import Client

extension TandemClient {
    /// Ends a workload and removes it with its anonymous volumes.
    func remove(_ id: String) async throws(ClientError) {
        try await request("DELETE", "/containers/\(id)", query: [("force", "1"), ("v", "1")])
    }
}
