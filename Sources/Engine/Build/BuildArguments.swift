// SPDX-License-Identifier: Apache-2.0

/// The arguments of a build: what the user gives, and what the Dockerfile takes (moby's builder/dockerfile/buildargs.go).
struct BuildArguments {
    /// May be given without an `ARG`, and say nothing about the image.
    private static let predefined: Set<String> = [
        "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "FTP_PROXY", "ftp_proxy", "NO_PROXY", "no_proxy",
        "ALL_PROXY", "all_proxy",
    ]

    private let given: [String: String?]
    private var top: [String: String?] = [:]
    private var declared: [String: String?] = [:]
    private var referenced: Set<String> = []

    init(_ given: [String: String?]) { self.given = given }

    /// `ARG` before the first `FROM`.
    mutating func declareOnTop(_ name: String, _ value: String?) {
        referenced.insert(name)
        top[name] = .some(given[name] ?? value)
    }

    /// `ARG` in a stage.
    mutating func declare(_ name: String, _ value: String?) {
        referenced.insert(name)
        declared[name] = .some(value)
    }

    /// A stage knows nothing of another one's arguments.
    mutating func beginStage() { declared = [:] }

    /// The value of an argument before the first `FROM`.
    func topValue(_ name: String) -> String? { top[name] ?? nil }

    /// The value of an argument in the present stage.
    func value(_ name: String) -> String? {
        guard let fallback = declared[name] else { return nil }
        if let value = given[name] ?? nil { return value }
        return fallback ?? (top[name] ?? nil)
    }

    /// Those that have a value and do not stand in an environment, sorted, as `NAME=value`.
    ///
    /// `all` includes those that do not say anything about the image.
    func environment(besides environment: [String], all: Bool) -> [String] {
        let named = Set(environment.map { String($0.prefix { $0 != "=" }) })
        var names = Set(declared.keys)
        if all { names.formUnion(given.keys.filter(Self.predefined.contains)) }
        return names.subtracting(named).sorted().compactMap { name in
            (value(name) ?? (declared[name] == nil ? given[name] ?? nil : nil)).map { "\(name)=\($0)" }
        }
    }

    /// Those that were given and that nothing has asked for.
    var unused: [String] {
        given.keys.filter {
            !referenced.contains($0) && !Self.predefined.contains($0) && $0 != "SOURCE_DATE_EPOCH"
                && $0 != "TANDEM_RUNTIME"
        }.sorted()
    }
}
