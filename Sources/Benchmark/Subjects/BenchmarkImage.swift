// SPDX-License-Identifier: Apache-2.0

import Client

/// The image that is measured.
enum BenchmarkImage {
    /// Makes sure that a Tandem daemon has an image; the default one is made if it is missing.
    static func require(_ image: String, _ client: TandemClient) async throws(ClientError) {
        do throws(ClientError) {
            try await client.request("GET", "/images/\(TandemClient.encode(image))/json")
        } catch {
            guard error.status == 404, try await client.makeDefaultImage(meantBy: image) else { throw error }
        }
    }

    /// The same for a suite, whose image a user may have to build first.
    static func requireForSuite(_ image: String, _ client: TandemClient) async throws(BenchmarkError) {
        do throws(ClientError) {
            try await require(image, client)
        } catch {
            guard error.status == 404 else { throw BenchmarkError(error) }
            throw BenchmarkError(
                "there is no image '\(image)'",
                hint: "Make it with `benchmarks/image/build`, or bring it in with `tandem image import`.")
        }
    }
}
