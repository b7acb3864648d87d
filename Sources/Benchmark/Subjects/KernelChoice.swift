// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client

/// The guest kernel that a daemon boots, which is changed for a measurement only.
actor KernelChoice {
    private let client: TandemClient
    private var original: String?
    private var current: String?

    init(client: TandemClient) { self.client = client }

    /// Lets VMs that are started from now on boot a kernel.
    func use(_ name: String) async throws(ClientError) {
        guard current != name else { return }
        if original == nil {
            let kernels = try await client.request("GET", "/tandem/kernels").json.array ?? []
            original = kernels.first { $0["used"].bool == true }?["name"].string
        }
        try await client.request("POST", "/tandem/kernels/\(TandemClient.encode(name))/use")
        current = name
    }

    /// Chooses again what was chosen before.
    func restore() async {
        guard let name = original, current != name else { return }
        // A daemon that is gone has kept nothing that could be restored.
        _ = try? await client.request("POST", "/tandem/kernels/\(TandemClient.encode(name))/use")
        (original, current) = (nil, nil)
    }
}
