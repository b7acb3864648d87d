// SPDX-License-Identifier: Apache-2.0

import Client
import Testing

@Suite("The client")
struct ClientTests {
    @Test(
        "parts of addresses are encoded", arguments: [("a/b c", "a%2Fb%20c"), ("x=1&y", "x%3D1%26y"), ("ä", "%C3%A4")])
    func encode(_ text: String, _ encoded: String) { #expect(TandemClient.encode(text) == encoded) }

    @Test("without a daemon there is a sentence and a hint")
    func noDaemon() async {
        let client = TandemClient(socketPath: "/nonexistent/tandem.sock")
        let error = await #expect(throws: ClientError.self) { try await client.request("GET", "/_ping") }
        #expect(error?.message.contains("/nonexistent/tandem.sock") == true)
        #expect(error?.hint != nil)
    }
}
