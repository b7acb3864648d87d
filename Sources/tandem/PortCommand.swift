// SPDX-License-Identifier: Apache-2.0

import APIModel
import ArgumentParser
import Client

struct PortCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "port", abstract: "List the published ports of a container or VM.")

    @Argument(help: "Name or id.")
    var container: String

    @Argument(help: ArgumentHelp("Only this one of its ports.", valueName: "port[/udp]"))
    var port: String?

    func run() async throws {
        let path = "/containers/\(TandemClient.encode(container))/json"
        let ports = try await Daemon.client().request("GET", path).json["NetworkSettings"]["Ports"].object ?? [:]
        let bindings = { (name: String) -> [String] in
            (ports[name]?.array ?? []).map { binding in
                let address = binding["HostIp"].string ?? ""
                return (address.contains(":") ? "[\(address)]" : address) + ":" + (binding["HostPort"].string ?? "")
            }
        }
        if let port {
            let name = port.contains("/") ? port : port + "/tcp"
            let found = bindings(name)
            guard !found.isEmpty else {
                throw CommandFailure(
                    1, "no public port '\(name)' published for \(container)",
                    hint: "`tandem port \(container)` lists those that are.")
            }
            for line in found { Output.line(line) }
            return
        }
        for name in ports.keys.sorted() {
            for line in bindings(name) { Output.line("\(name) -> \(line)") }
        }
    }
}
