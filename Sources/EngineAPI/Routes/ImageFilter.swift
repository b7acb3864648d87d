// SPDX-License-Identifier: Apache-2.0

import Glibc
import ImageStore
import OCI
import TandemModel

/// The filters of `docker images` (daemon/images/images.go).
struct ImageFilter {
    private static let known = ["before", "dangling", "label", "reference", "since", "until"]

    private let filters: [String: [String]]
    /// `nil` where nothing is said.
    private let dangling: Bool?
    private var before: Timestamp?
    private var since: Timestamp?

    init(_ filters: [String: [String]], images: ImageStore) throws(EngineError) {
        for name in filters.keys.sorted() where !Self.known.contains(name) {
            throw EngineError(
                .invalidArgument, "invalid filter '\(name)'", hint: "Known are \(Self.known.joined(separator: ", ")).")
        }
        self.filters = filters
        dangling = try Self.dangling(filters)
        for name in filters["before"] ?? [] { narrow(before: Self.created(try images.image(name))) }
        for text in filters["until"] ?? [] { narrow(before: try UntilFilter.parse(text)) }
        for name in filters["since"] ?? [] {
            let created = Self.created(try images.image(name))
            since = since.map { max($0, created) } ?? created
        }
    }

    /// What a filter says about images without a name; `nil` if nothing.
    ///
    /// - Throws: `.invalidArgument` in dockerd's words for something else than a truth value.
    static func dangling(_ filters: [String: [String]]) throws(EngineError) -> Bool? {
        guard let values = filters["dangling"], !values.isEmpty else { return nil }
        let isTrue = values.contains { $0 == "1" || $0 == "true" }
        let isFalse = values.contains { $0 == "0" || $0 == "false" }
        guard isTrue != isFalse else {
            throw EngineError(
                .invalidArgument, "invalid filter 'dangling=[\(values.joined(separator: " "))]'",
                hint: "Say true or false.")
        }
        return isTrue
    }

    private mutating func narrow(before time: Timestamp) { before = before.map { min($0, time) } ?? time }

    /// When an image was made; one without a date is as old as time.
    static func created(_ image: Image) -> Timestamp {
        (try? image.configuration.created.map { (text) throws(EngineError) in try TimeParameter.parse(text) })
            ?? Timestamp(nanoseconds: 0)
    }

    /// Names under which an image is listed.
    struct Names {
        var tags: [String]
        /// Names with the digests of registries.
        var digests: [String]
    }

    /// The names under which an image is listed: with a filter by reference only those that fit.
    ///
    /// - Returns: `nil` if it is not listed.
    func names(of image: Image) -> Names? {
        let created = Self.created(image)
        if let before, created >= before { return nil }
        if let since, created <= since { return nil }
        let labels = image.configuration.config?.labels ?? [:]
        guard (filters["label"] ?? []).allSatisfy({ ContainerFilter.label($0, labels) }) else { return nil }
        if let dangling, dangling != image.references.isEmpty { return nil }
        guard let patterns = filters["reference"] else {
            return Names(tags: image.references, digests: image.digests)
        }
        let tags = image.references.filter { name in patterns.contains { Self.matches(name, $0) } }
        let digests = image.digests.filter { name in patterns.contains { Self.matches(name, $0) } }
        return tags.isEmpty && digests.isEmpty ? nil : Names(tags: tags, digests: digests)
    }

    /// distribution/reference's `FamiliarMatch`: the pattern fits the whole name, or the name without its tag.
    private static func matches(_ name: String, _ pattern: String) -> Bool {
        // Names in the store are references.
        let short = (try? Reference(name).familiarName) ?? name
        return fnmatch(pattern, name, FNM_PATHNAME) == 0 || fnmatch(pattern, short, FNM_PATHNAME) == 0
    }
}
