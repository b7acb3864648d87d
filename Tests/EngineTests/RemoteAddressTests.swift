// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Engine

/// Addresses that a build's context may come from.
struct RemoteAddressTests {
    @Test(
        arguments: [
            ("http://host/context.tar", .web("http://host/context.tar")),
            ("https://host/a.git/b", .web("https://host/a.git/b")),
            (
                "https://host/a.git#v1:sub/folder",
                .git(repository: "https://host/a.git", reference: "v1", folder: "sub/folder")
            ),
            ("https://host/a.git", .git(repository: "https://host/a.git", reference: "", folder: "")),
            ("git://host/a", .git(repository: "git://host/a", reference: "", folder: "")),
            ("git@host:a#:x", .git(repository: "git@host:a", reference: "", folder: "x")),
            ("github.com/a/b#main", .git(repository: "https://github.com/a/b", reference: "main", folder: "")),
            ("ftp://host/x", nil), ("folder", nil), ("file:///a.git", nil), ("--upload-pack=x.git", nil),
        ] as [(String, RemoteAddress?)])
    func kindsAreToldApart(text: String, address: RemoteAddress?) { #expect(RemoteAddress(text) == address) }
}
