// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// The name of an image, parsed as Docker does (distribution/reference): `[registry/]repository[:tag][@digest]`.
public struct Reference: Hashable, Sendable, CustomStringConvertible {
    /// Host and port; `docker.io` if none is named.
    public let registry: String
    /// The path in the registry, for example `library/busybox`.
    public let repository: String
    /// `latest` if neither tag nor digest is given.
    public let tag: String?
    /// `sha256:…`.
    public let digest: String?

    /// Parses and completes a name.
    ///
    /// - Throws: `.invalidArgument` in Docker's words.
    public init(_ text: String) throws(EngineError) {
        let invalid = EngineError(
            .invalidArgument, "invalid reference format: \"\(text)\"",
            hint: "A reference is NAME[:TAG], in lower case, for example busybox:latest.")
        var rest = text[...]
        var digest: String?
        if let at = rest.firstIndex(of: "@") {
            digest = String(rest[rest.index(after: at)...])
            rest = rest[..<at]
            guard let digest, Self.isDigest(digest) else { throw invalid }
        }
        var tag: String?
        let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
        if let colon = rest[lastSlash...].lastIndex(of: ":") {
            let found = String(rest[rest.index(after: colon)...])
            guard Self.isTag(found) else { throw invalid }
            tag = found
            rest = rest[..<colon]
        }
        var registry = "docker.io"
        if let slash = rest.firstIndex(of: "/") {
            let first = rest[..<slash]
            if first.contains(".") || first.contains(":") || first == "localhost" {
                guard Self.isHost(first) else { throw invalid }
                registry = first == "index.docker.io" ? "docker.io" : String(first)
                rest = rest[rest.index(after: slash)...]
            }
        }
        guard !rest.isEmpty, rest.utf8.count <= 255,
            rest.split(separator: "/", omittingEmptySubsequences: false).allSatisfy(Self.isComponent)
        else { throw invalid }
        self.registry = registry
        repository = registry == "docker.io" && !rest.contains("/") ? "library/\(rest)" : String(rest)
        self.tag = tag ?? (digest == nil ? "latest" : nil)
        self.digest = digest
    }

    /// As Docker shows it: without what goes without saying, but with the tag.
    public var description: String {
        var name = repository
        if registry == "docker.io" {
            if name.hasPrefix("library/") { name.removeFirst(8) }
        } else {
            name = "\(registry)/\(name)"
        }
        if let tag { name += ":\(tag)" }
        if let digest { name += "@\(digest)" }
        return name
    }

    /// The whole name, with what goes without saying.
    public var canonicalName: String {
        var name = "\(registry)/\(repository)"
        if let tag { name += ":\(tag)" }
        if let digest { name += "@\(digest)" }
        return name
    }

    /// The name without tag and digest, as `docker images` shows it.
    public var familiarName: String {
        var name = description
        if let digest { name.removeLast(digest.count + 1) }
        if let tag { name.removeLast(tag.count + 1) }
        return name
    }

    /// The name with its digest and without a tag, as `docker images --digests` has it; `nil` without a digest.
    public var canonical: String? { digest.map { "\(familiarName)@\($0)" } }

    /// The same name with a digest instead of a tag.
    public func with(digest: String) throws(EngineError) -> Reference { try Reference("\(familiarName)@\(digest)") }

    /// The same name with a tag instead of a digest.
    public func with(tag: String) throws(EngineError) -> Reference { try Reference("\(familiarName):\(tag)") }

    /// Names of letters, digits and dashes between dots, or an IPv6 address in brackets, and a port.
    private static func isHost(_ text: Substring) -> Bool {
        var name = text
        if let end = text.lastIndex(of: "]"), text.hasPrefix("[") {
            guard text[text.index(after: text.startIndex)..<end].allSatisfy({ $0.isHexDigit || $0 == ":" }) else {
                return false
            }
            name = "localhost" + text[text.index(after: end)...]
        }
        let parts = name.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.count == 1 || UInt16(parts[1]) != nil else { return false }
        return parts[0].split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.utf8.first, let last = label.utf8.last, first != 0x2D, last != 0x2D else {
                return false
            }
            return label.utf8.allSatisfy { isWord($0) && $0 != 0x5F || $0 == 0x2D }
        }
    }

    private static func isTag(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128, isWord(first) else { return false }
        return text.utf8.allSatisfy { isWord($0) || $0 == 0x2E || $0 == 0x2D }
    }

    private static func isDigest(_ text: String) -> Bool {
        guard text.hasPrefix("sha256:") else { return false }
        let digits = text.dropFirst(7).utf8
        return digits.count == 64 && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
    private static func isComponent(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, isLower(first), isLower(last) else {
            return false
        }
        guard !text.contains(".."), !text.contains("___"), !text.contains("._"), !text.contains("_.") else {
            return false
        }
        return text.utf8.allSatisfy { isLower($0) || $0 == 0x2E || $0 == 0x5F || $0 == 0x2D }
    }

    private static func isLower(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) }

    private static func isWord(_ byte: UInt8) -> Bool { isLower(byte) || (0x41...0x5A).contains(byte) || byte == 0x5F }
}
