// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A folder of a test's own.
public struct ScratchFolder: Sendable {
    /// Absolute path.
    public let path: String

    /// Makes a folder with a unique name below `/tmp`, short enough for UNIX sockets inside it.
    public init(prefix: String) throws {
        path = "/tmp/tandem-\(prefix)-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    /// Names a file inside.
    public func url(_ name: String) -> URL { URL(fileURLWithPath: path + "/" + name) }

    /// Writes a file inside and returns its path.
    public func write(_ name: String, _ text: String) throws -> String {
        try Data(text.utf8).write(to: url(name))
        return path + "/" + name
    }

    /// Removes the folder and everything in it.
    public func remove() {
        try? FileManager.default.removeItem(atPath: path)  // a test may have removed it itself
    }
}
