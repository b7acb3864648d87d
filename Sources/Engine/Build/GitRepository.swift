// SPDX-License-Identifier: Apache-2.0

import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// Packs one state of a repository as a tar, with the host's `git`.
///
/// Nothing is checked out, so that neither hooks nor filters of the repository are executed here; submodules stay empty.
struct GitRepository {
    var address: String
    /// Branch, tag or commit; empty for the default branch.
    var reference: String
    /// A folder in it; empty for all of it.
    var folder: String

    /// Packs it into a file, by way of a folder that does not exist yet; the caller removes that.
    ///
    /// Blocks.
    func pack(into file: FilePath, by folder: FilePath) throws(EngineError) {
        guard let program = Self.program else {
            throw EngineError(
                .unsupported, "building from a repository needs the program git, and this host has none",
                hint: "Install git, or clone the repository and name its folder.")
        }
        guard !reference.hasPrefix("-"), !address.hasPrefix("-") else {
            throw EngineError(.invalidArgument, "invalid refspec: \(reference)", hint: "Name a branch, tag or commit.")
        }
        try run(program, ["init", "-q", "--bare", folder.string])
        let commit = try fetch(program, into: folder)
        let parts = self.folder.split(separator: "/").filter { $0 != "." }
        guard !parts.contains("..") else {
            throw EngineError(.invalidArgument, "the folder '\(self.folder)' lies outside of the repository")
        }
        let tree = "\(commit):" + parts.joined(separator: "/")
        try run(program, ["-C", folder.string, "archive", "--format=tar", "-o", file.string, tree])
    }

    /// - Returns: What the commit is called in the folder.
    private func fetch(_ program: String, into folder: FilePath) throws(EngineError) -> String {
        let wanted = reference.isEmpty ? "HEAD" : reference
        let fetch = ["-C", folder.string, "fetch", "-q", "--no-tags"]
        // Servers that only lend files know no depth, and some give no single commit.
        for depth in [["--depth=1"], []] {
            do throws(EngineError) {
                try run(program, fetch + depth + ["--", address, wanted])
                return "FETCH_HEAD"
            } catch {
                continue
            }
        }
        try run(program, fetch + ["--", address, "+refs/*:refs/*"])
        return wanted
    }

    private static var program: String? {
        ["/usr/bin/git", "/usr/local/bin/git", "/bin/git"].first { access($0, X_OK) == 0 }
    }

    private func run(_ program: String, _ arguments: [String]) throws(EngineError) {
        // Nobody is there to be asked, and the daemon's user has no say in what is fetched.
        let settings = [
            "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_ALLOW_PROTOCOL=http:https:git:ssh:file",
            "GIT_PROTOCOL_FROM_USER=0", "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=30",
        ]
        let limits = ["-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=60"]
        do throws(EngineError) {
            try SystemProgram(
                path: "/usr/bin/env", arguments: settings + ["timeout", "900", program] + limits + arguments
            ).run()
        } catch {
            let reason = error.message.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? error.message
            throw EngineError(
                .invalidArgument, "unable to prepare context: error fetching \(address): \(reason)",
                hint: "Try it by hand: git fetch \(address) \(reference)")
        }
    }
}
