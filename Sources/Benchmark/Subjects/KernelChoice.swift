// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client

/// The guest kernel that a daemon boots, which is changed for a run only: the run's folder records what it was.
actor KernelChoice {
    private let client: TandemClient
    private let folder: RunFolder
    private var current: String?

    init(client: TandemClient, folder: RunFolder) {
        self.client = client
        self.folder = folder
    }

    /// Lets VMs that are started from now on boot a kernel.
    func use(_ name: String) async throws(BenchmarkError) {
        guard current != name else { return }
        if current == nil, let used = try await used() { try folder.add(kernel: used, at: client.socketPath) }
        do throws(ClientError) {
            try await client.request("POST", "/tandem/kernels/\(TandemClient.encode(name))/use")
        } catch {
            throw BenchmarkError(error)
        }
        current = name
    }

    private func used() async throws(BenchmarkError) -> String? {
        do throws(ClientError) {
            let kernels = try await client.request("GET", "/tandem/kernels").json.array ?? []
            return kernels.first { $0["used"].bool == true }?["name"].string
        } catch {
            throw BenchmarkError(error)
        }
    }
}
