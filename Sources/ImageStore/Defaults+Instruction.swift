// SPDX-License-Identifier: Apache-2.0

import APIModel
public import Dockerfile
public import OCI
public import TandemModel

extension ImageConfiguration.Defaults {
    /// Applies an instruction that only says what workloads get.
    ///
    /// `shell` reads commands that are lines; `expand` replaces variables.
    ///
    /// - Returns: What has been done, in the words of Docker's history.
    public mutating func apply(
        _ action: Instruction.Action, shell: [String], _ expand: (String) throws(EngineError) -> String
    ) throws(EngineError) -> String {
        switch action {
        case .command(let line):
            command = line.arguments.isEmpty ? nil : line.resolved(shell: shell)
            return "CMD " + Self.quoted(command ?? [])
        case .entrypoint(let line):
            entrypoint = line.arguments.isEmpty ? [] : line.resolved(shell: shell)
            return "ENTRYPOINT " + Self.quoted(entrypoint ?? [])
        case .environment(let pairs): return "ENV " + (try set(pairs, expand))
        case .label(let pairs):
            var texts: [String] = []
            for pair in pairs {
                let (name, value) = (try expand(pair.name), try expand(pair.value))
                labels = (labels ?? [:]).merging([name: value]) { $1 }
                texts.append("\(name)=\(value)")
            }
            return "LABEL " + texts.joined(separator: " ")
        case .maintainer(let name): return "MAINTAINER \(name)"
        case .expose(let ports): return "EXPOSE " + (try expose(ports, expand))
        case .volume(let paths):
            var expanded: [String] = []
            for path in paths {
                let path = try expand(path)
                guard !path.isEmpty else {
                    throw EngineError(.invalidArgument, "VOLUME specified can not be an empty string")
                }
                volumes = (volumes ?? [:]).merging([path: EmptyObject()]) { $1 }
                expanded.append(path)
            }
            return "VOLUME [\(expanded.joined(separator: " "))]"
        case .user(let name):
            user = try expand(name)
            return "USER \(user ?? "")"
        case .workingDirectory(let path):
            let path = try expand(path)
            workingDirectory = path.hasPrefix("/") ? path : "\(workingDirectory ?? "")/\(path)"
            return "WORKDIR \(workingDirectory ?? "")"
        case .onBuild(let trigger):
            onBuild = (onBuild ?? []) + [trigger]
            return "ONBUILD \(trigger)"
        case .stopSignal(let name):
            let name = try expand(name)
            guard SignalName.number(of: name) != nil else {
                throw EngineError(.invalidArgument, "Invalid signal: \(name)", hint: "For example TERM, or 15.")
            }
            stopSignal = name
            return "STOPSIGNAL \(stopSignal ?? "")"
        case .healthCheck(let text):
            healthCheck = try HealthInstruction.parse(text)
            return "HEALTHCHECK \(text)"
        case .shell(let words):
            self.shell = words
            return "SHELL [\(words.joined(separator: " "))]"
        case .run, .copy, .argument:
            throw EngineError(.internal, "an instruction that makes files says nothing about workloads")
        }
    }

    /// All values are replaced as things were before.
    private mutating func set(
        _ pairs: [Pair], _ expand: (String) throws(EngineError) -> String
    ) throws(EngineError) -> String {
        var texts: [String] = []
        for pair in pairs { texts.append("\(try expand(pair.name))=\(try expand(pair.value))") }
        var variables = environment ?? []
        for text in texts {
            let name = text.prefix { $0 != "=" } + "="
            if let index = variables.firstIndex(where: { $0.hasPrefix(name) }) {
                variables[index] = text
            } else {
                variables.append(text)
            }
        }
        environment = variables
        return texts.joined(separator: " ")
    }

    private mutating func expose(
        _ ports: [String], _ expand: (String) throws(EngineError) -> String
    ) throws(EngineError) -> String {
        var shown: [String] = []
        for text in ports {
            for word in try expand(text).split(whereSeparator: \.isWhitespace).map(String.init) {
                shown.append(word)
                for port in try Self.ports(word) {
                    exposedPorts = (exposedPorts ?? [:]).merging([port: EmptyObject()]) { $1 }
                }
            }
        }
        return shown.sorted().joined(separator: " ")
    }

    /// `PORT[-PORT][/PROTOCOL]` (go-connections' nat).
    private static func ports(_ text: String) throws(EngineError) -> [String] {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let transport = parts.count > 1 ? parts[1].lowercased() : "tcp"
        guard ["tcp", "udp", "sctp"].contains(transport) else {
            throw EngineError(.invalidArgument, "Invalid proto: \(transport)")
        }
        let range = (parts[0].split(separator: ":").last ?? "").split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(range.count), let first = UInt16(range[0]), let last = UInt16(range[range.count - 1]),
            first <= last
        else { throw EngineError(.invalidArgument, "Invalid containerPort: \(parts[0])") }
        return (first...last).map { "\($0)/\(transport)" }
    }

    private static func quoted(_ words: [String]) -> String {
        "["
            + words.map { "\"" + $0.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\"" }
            .joined(separator: " ") + "]"
    }
}
