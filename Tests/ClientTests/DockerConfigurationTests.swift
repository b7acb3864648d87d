// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import Foundation
import Testing

struct DockerConfigurationTests {
    private let folder = "/tmp/tandem-config-\(UInt32.random(in: 0 ... .max))"

    private func write(_ text: String) throws -> DockerConfiguration {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: folder + "/config.json"))
        return try DockerConfiguration(path: folder + "/config.json")
    }

    private func remove() { try? FileManager.default.removeItem(atPath: folder) }  // it may never have been made

    @Test func passwordsAreReadAndKept() throws {
        defer { remove() }
        let joined = Data("anna:se:cret".utf8).base64EncodedString()
        var configuration = try write(
            #"{"auths":{"https://registry.example/v1/":{"auth":"\#(joined)"}},"psFormat":"x"}"#)
        let found = try #require(try configuration.credentials(for: "registry.example"))
        #expect(found["username"] == "anna" && found["password"] == "se:cret")
        #expect(try configuration.credentials(for: "other.example") == nil)
        try configuration.store(["username": "bert", "password": "b"], for: "other.example:5000")
        let again = try DockerConfiguration(path: folder + "/config.json")
        #expect(try again.credentials(for: "other.example:5000")?["username"] == "bert")
        #expect(try again.credentials(for: "registry.example")?["username"] == "anna")
        #expect(try String(contentsOfFile: folder + "/config.json", encoding: .utf8).contains("psFormat"))
    }

    @Test func tokensAreKeptInsteadOfPasswords() throws {
        defer { remove() }
        var configuration = try write("{}")
        try configuration.store(["username": "anna", "password": "p", "identitytoken": "t"], for: "registry.example")
        let found = try #require(try configuration.credentials(for: "registry.example"))
        #expect(found["identitytoken"] == "t" && found["password"] == "")
        try configuration.erase("registry.example")
        #expect(try DockerConfiguration(path: folder + "/config.json").credentials(for: "registry.example") == nil)
    }

    @Test func aMissingFileIsEmptyAndABrokenOneIsRefused() throws {
        defer { remove() }
        #expect(try DockerConfiguration(path: folder + "/none").credentials(for: "x") == nil)
        #expect(throws: ClientError.self) { try write("[]") }
        let configuration = try write(#"{"credsStore":"nosuch-helper"}"#)
        let failure = #expect(throws: ClientError.self) { try configuration.credentials(for: "x") }
        #expect(failure?.message.contains("docker-credential-nosuch-helper") == true)
    }

    @Test(arguments: [
        ("https://a.example/v1/", "a.example"), ("http://b:5000", "b:5000"), ("c.example/x", "c.example"),
    ])
    func hostsAreFoundInAddresses(address: String, host: String) {
        #expect(DockerConfiguration.hostName(address) == host)
    }
}
