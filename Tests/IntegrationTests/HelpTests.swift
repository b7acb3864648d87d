// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

@Suite("Help of the command line")
struct HelpTests {
    /// Every command with its subcommands, as the program lists them itself.
    private func commands() async throws -> [[String]] {
        let dump = try await Program(Binaries.path("tandem"), ["--experimental-dump-help"]).run()
        let document = try JSONSerialization.jsonObject(with: Data(dump.output.utf8)) as? [String: Any]
        func paths(_ command: [String: Any], _ above: [String]) -> [[String]] {
            let below = command["subcommands"] as? [[String: Any]] ?? []
            return [above] + below.flatMap { paths($0, above + [$0["commandName"] as? String ?? ""]) }
        }
        return paths(try #require(document?["command"] as? [String: Any]), [])
    }

    @Test func everyCommandExplainsItself() async throws {
        let commands = try await commands()
        #expect(commands.count > 60)
        for command in commands where command.first != "help" {
            let help = try await Program(Binaries.path("tandem"), command + ["--help"]).run()
            #expect(help.status == 0 && help.errors.isEmpty, "\(command): \(help.errors)")
            #expect(help.output.contains("USAGE: tandem"), "\(command)")
            #expect(help.output.hasPrefix("OVERVIEW: "), "\(command)")
        }
    }
}
