// SPDX-License-Identifier: Apache-2.0

public import APIModel
import FoundationEssentials
import Glibc

/// Docker's `config.json`, as far as it says what opens a registry; everything else in it is left as it is.
public struct DockerConfiguration: Sendable {
    /// Path of the file.
    public let path: String
    private var document: JSONValue

    /// The key under which Docker Hub stands in the file.
    public static let hub = "https://index.docker.io/v1/"

    /// Reads the file of this user: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`.
    public init() throws(ClientError) {
        let folder =
            getenv("DOCKER_CONFIG").map { String(cString: $0) }
            ?? (getenv("HOME").map { String(cString: $0) } ?? "/root") + "/.docker"
        try self.init(path: folder + "/config.json")
    }

    /// Reads a file; a missing one is empty.
    ///
    /// Blocks.
    public init(path: String) throws(ClientError) {
        self.path = path
        guard access(path, F_OK) == 0 else {
            document = [:]
            return
        }
        guard let content = try? Data(contentsOf: URL(filePath: path)),  // its rights are the likely reason
            let value = JSONValue(parsing: content), value.object != nil
        else {
            throw ClientError(
                status: 0, message: "'\(path)' cannot be read: it is no JSON object",
                hint: "Mend it, or name another folder by DOCKER_CONFIG.", code: "invalid_argument")
        }
        document = value
    }

    /// What opens a registry, in the form of Docker's `AuthConfig`; `nil` if nothing is known.
    ///
    /// Blocks as long as a credential helper takes.
    public func credentials(for server: String) throws(ClientError) -> JSONValue? {
        if let helper = helper(for: server) {
            let (output, isDone) = try helper.run("get", server)
            // A helper that fails has nothing for this registry.
            guard isDone, let answer = JSONValue(parsing: Data(output)), let secret = answer["Secret"].string else {
                return nil
            }
            let user = answer["Username"].string ?? ""
            return user == "<token>"
                ? ["serveraddress": .string(server), "identitytoken": .string(secret)]
                : ["serveraddress": .string(server), "username": .string(user), "password": .string(secret)]
        }
        let entries = document["auths"].object ?? [:]
        let name = Self.hostName(server)
        guard let entry = entries[server] ?? entries.first(where: { Self.hostName($0.key) == name })?.value else {
            return nil
        }
        var credentials = entry
        credentials["serveraddress"] = .string(server)
        if let joined = entry["auth"].string, let data = Data(base64Encoded: joined) {
            let parts = String(decoding: data, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            credentials["username"] = .string(parts.first.map(String.init) ?? "")
            credentials["password"] = .string(parts.count > 1 ? String(parts[1]) : "")
            credentials["auth"] = .null
        }
        return credentials
    }

    /// Whether a helper keeps the password, rather than the file.
    public func hasHelper(for server: String) -> Bool { helper(for: server) != nil }

    private func helper(for server: String) -> CredentialHelper? {
        let name = document["credHelpers"][Self.hostName(server)].string ?? document["credHelpers"][server].string
        guard let name = name ?? document["credsStore"].string, !name.isEmpty else { return nil }
        return CredentialHelper(name: name)
    }

    /// Keeps what opens a registry.
    ///
    /// Blocks.
    public mutating func store(_ credentials: JSONValue, for server: String) throws(ClientError) {
        let token = credentials["identitytoken"].string ?? ""
        let user = credentials["username"].string ?? ""
        let password = credentials["password"].string ?? ""
        if let helper = helper(for: server) {
            let entry: JSONValue = [
                "ServerURL": .string(server), "Username": .string(token.isEmpty ? user : "<token>"),
                "Secret": .string(token.isEmpty ? password : token),
            ]
            let (output, isDone) = try helper.run("store", String(decoding: entry.encoded(), as: UTF8.self))
            guard isDone else {
                let text = String(decoding: output.prefix(300), as: UTF8.self)
                throw ClientError(
                    status: 0, message: "Error saving credentials: error storing credentials - err: \(text)",
                    hint: "Look at the helper named in '\(path)'.", code: "unavailable")
            }
            keep([:], for: server)
        } else {
            var entry: JSONValue = ["auth": .string(Data("\(user):\(password)".utf8).base64EncodedString())]
            if !token.isEmpty {
                entry = [
                    "auth": .string(Data("\(user):".utf8).base64EncodedString()), "identitytoken": .string(token),
                ]
            }
            keep(entry, for: server)
        }
        try write()
    }

    private mutating func keep(_ entry: JSONValue, for server: String) {
        var entries = document["auths"].object ?? [:]
        entries[server] = entry
        document["auths"] = .object(entries)
    }

    /// Forgets what opens a registry.
    ///
    /// Blocks.
    public mutating func erase(_ server: String) throws(ClientError) {
        // A helper that does not know it has nothing to forget.
        if let helper = helper(for: server) { _ = try helper.run("erase", server) }
        guard var entries = document["auths"].object else { return }
        let name = Self.hostName(server)
        entries = entries.filter { $0.key != server && Self.hostName($0.key) != name }
        document["auths"] = .object(entries)
        try write()
    }

    /// `https://host/path` becomes `host`.
    public static func hostName(_ server: String) -> String {
        var rest = server[...]
        for scheme in ["https://", "http://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        return String(rest.prefix { $0 != "/" })
    }

    /// Renamed into place, so that nobody reads half of it; only this user may read it.
    private func write() throws(ClientError) {
        let folder = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
        _ = mkdir(String(folder), 0o700)
        let partial = "\(path).\(getpid())"
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        let content = document.encoded(pretty: true) + [0x0A]
        let isWritten = descriptor >= 0 && Glibc.write(descriptor, content, content.count) == content.count
        if descriptor >= 0 { close(descriptor) }
        guard isWritten, rename(partial, path) == 0 else {
            let reason = String(cString: strerror(errno))
            unlink(partial)
            throw ClientError(
                status: 0, message: "'\(path)' cannot be written: \(reason)", hint: "Check the folder's rights.",
                code: "permission_denied")
        }
    }
}
