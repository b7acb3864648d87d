// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import NIOHTTP1
import TestSupport
import Testing

@testable import Registry

struct EarlyAnswerTests {
    @Test func whatAServerSaysBeforeItHasReadEverythingIsHeard() async throws {
        let server = try HTTPResponder { _, connection in
            HTTPResponder.answer(connection, "413 Request Entity Too Large")
            shutdown(connection, Int32(SHUT_WR))
            HTTPResponder.drain(connection)
        }
        let url = try #require(URL(string: "http://\(server.address)/"))
        let endless = RemoteRequest(
            method: .PUT, url: url, body: .stream(length: nil) { [UInt8](repeating: 1, count: 65_536) })
        let status = try await HTTPExchange(idleTimeout: .seconds(60)).send(endless) {
            (response) throws(RegistryFailure) in response.status
        }
        #expect(status == 413)
    }
}
