// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// An address that a context can come from (moby's builder/remotecontext/urlutil).
enum RemoteAddress: Equatable {
    /// A Dockerfile, or an archive.
    case web(String)
    /// A repository; `reference` and `folder` are what stands behind `#`, and may be empty.
    case git(repository: String, reference: String, folder: String)

    /// `nil` for what is no address.
    init?(_ text: String) {
        let parts = text.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let isNamed = ["git://", "github.com/", "git@"].contains { text.hasPrefix($0) }
        guard isNamed || Self.isWeb(text) && parts[0].hasSuffix(".git") else {
            guard Self.isWeb(text) else { return nil }
            self = .web(text)
            return
        }
        let repository = text.hasPrefix("github.com/") ? "https://" + parts[0] : parts[0]
        let words = (parts.count > 1 ? parts[1] : "").split(
            separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        self = .git(
            repository: repository, reference: words.first.map(String.init) ?? "",
            folder: words.count > 1 ? String(words[1]) : "")
    }

    static func isWeb(_ text: String) -> Bool { text.hasPrefix("http://") || text.hasPrefix("https://") }
}
