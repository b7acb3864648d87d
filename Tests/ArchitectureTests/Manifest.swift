// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The part of `swift package dump-package` that the level tests read.
struct Manifest: Decodable {
    /// One target of the package.
    struct Target: Decodable {
        /// A dependency; only those on targets of this package have `byName` with no product of the same name.
        struct Dependency: Decodable {
            let byName: [String?]?

            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                // `byName` is an array of a name and a condition, which is null or an object of no interest here.
                guard var list = try? container.nestedUnkeyedContainer(forKey: .byName) else {
                    byName = nil  // another form of dependency: a product of another package
                    return
                }
                byName = [try list.decode(String.self)]
            }

            enum Key: String, CodingKey { case byName }
        }

        let name: String
        let type: String
        let path: String?
        let dependencies: [Dependency]

        /// Whether it is part of the product, and not of its tests.
        var isShipped: Bool { path?.hasPrefix("Tests/") != true && type != "test" }
        var siblings: [String] { dependencies.compactMap { $0.byName?.first ?? nil } }
    }

    let targets: [Target]

    static let packageRoot = String(
        #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/"))

    static func load() throws -> Manifest { try loaded.get() }

    private static let loaded = Result {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        // A scratch path of its own: the running test holds the lock of the usual one.
        let scratch = NSTemporaryDirectory() + "tandem-manifest-\(ProcessInfo.processInfo.processIdentifier)"
        process.arguments = [
            "swift", "package", "--package-path", packageRoot, "--scratch-path", scratch, "dump-package",
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try? FileManager.default.removeItem(atPath: scratch)  // may never have been made
        return try JSONDecoder().decode(Manifest.self, from: data)
    }
}
