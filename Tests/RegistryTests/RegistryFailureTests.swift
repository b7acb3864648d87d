// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Registry

struct RegistryFailureTests {
    @Test func errorsAreReadInDockersWords() {
        let body = Array(#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}"#.utf8)
        let failure = RegistryFailure.response(404, body, to: "Get x")
        #expect(failure.message == "manifest unknown: manifest unknown" && failure.code == "MANIFEST_UNKNOWN")
        #expect(failure.reason == .refused(status: 404) && !failure.isTransient)
    }

    @Test(arguments: [(500, true), (503, true), (429, true), (408, true), (404, false), (403, false)])
    func someStatusesPass(status: Int, isTransient: Bool) {
        let failure = RegistryFailure.response(status, Array("<html>".utf8), to: "Get x")
        #expect(failure.message == "Get x: unexpected status code \(status)")
        #expect(failure.isTransient == isTransient)
    }

    @Test func whatARegistrySaysCannotReachATerminal() {
        let body = Array("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"\\u001b[2J\\nno\"}]}".utf8)
        #expect(RegistryFailure.response(403, body, to: "").message == "denied:  [2J no")
        #expect(RegistryFailure.clean(String(repeating: "a", count: 1_000)).count == 300)
    }

    @Test func redirectsLeadToAddresses() throws {
        let here = try #require(URL(string: "https://registry.example/v2/a/blobs/x"))
        #expect(try RepositoryClient.target("/b?c=d", from: here).absoluteString == "https://registry.example/b?c=d")
        #expect(try RepositoryClient.target("https://cdn.example/b", from: here).host == "cdn.example")
        for bad in ["http://cdn.example/b", "ftp://cdn.example/", "https:///b", "file:///etc/passwd"] {
            #expect(throws: RegistryFailure.self, "\(bad)") { try RepositoryClient.target(bad, from: here) }
        }
    }

    @Test(arguments: ["127.0.0.1:5000", "[::1]:5000", "registry.example", "[2001:db8::1]"])
    func addressesAreWrittenAsTheyAreNamed(place: String) throws {
        let url = try #require(URL(string: "https://\(place)/v2/"))
        #expect(RepositoryClient.place(of: url) == place)
    }

    @Test func pausesGrowAndEnd() {
        let settings = RegistrySettings(retryDelay: .seconds(1))
        #expect([1, 2, 3, 5, 100].map { settings.delay(after: $0) } == [1, 2, 4, 15, 15].map { .seconds($0) })
    }
}
