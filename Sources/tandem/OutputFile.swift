// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc

/// Files that a user wants written; `-` is standard output.
enum OutputFile {
    /// Writes whole files: who reads one finds all of it or the one before.
    static func write(_ text: String, to path: String) throws {
        if path == "-" { return Output.write(text) }
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw CommandFailure(1, "'\(path)' cannot be written: \(error)", hint: "Choose another file.")
        }
    }

    /// Minutes of measuring must not be lost to a folder that is not there.
    static func checkWritable(_ path: String) throws {
        if path == "-" { return }
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        guard access(folder, W_OK) == 0 else {
            throw CommandFailure(
                1, "'\(path)' cannot be written: \(String(cString: strerror(errno)))", hint: "Choose another file.")
        }
    }
}
