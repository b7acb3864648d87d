// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The root file system of a workload while it is built.
///
/// No path given to it ever leads out of it.
struct RootFolder {
    /// Opened with `O_PATH`.
    let descriptor: Int32

    /// Opens a path inside; -1 and errno on failure.
    func open(_ path: Bytes, _ flags: Int32, mode: UInt32 = 0) -> Int32 {
        withPath(path.isEmpty ? [0x2E] : path) {
            tandem_open_in_root(descriptor, $0, UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(mode))
        }
    }

    /// Opens a path with `O_PATH` and makes it, with its folders, if it is missing.
    func openOrMake(_ path: Bytes, asFile: Bool) -> Int32 {
        let existing = open(path, O_PATH)
        guard existing < 0, tandem_errno() == ENOENT else { return existing }
        guard let name = makeParent(of: path) else { return -1 }
        defer { close(name.folder) }
        if asFile {
            let file = withPath(name.last) {
                tandem_openat(name.folder, $0, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o644)
            }
            guard file >= 0 else { return -1 }
            close(file)
        } else {
            guard withPath(name.last, { mkdirat(name.folder, $0, 0o755) }) == 0 || tandem_errno() == EEXIST else {
                return -1
            }
        }
        return open(path, O_PATH)
    }

    /// Opens the folder of a path, making what is missing of it.
    ///
    /// - Returns: The folder and the last component; `nil` and errno on failure. The caller closes the folder.
    func makeParent(of path: Bytes) -> (folder: Int32, last: Bytes)? {
        let parts = path.split(separator: 0x2F)
        guard let last = parts.last else { return nil }
        var sofar: Bytes = [0x2E]
        for part in parts.dropLast() {
            let parent = open(sofar, O_PATH | O_DIRECTORY)
            guard parent >= 0 else { return nil }
            sofar.append(0x2F)
            sofar += part
            let made = withPath(Bytes(part)) { mkdirat(parent, $0, 0o755) }
            let problem = tandem_errno()
            close(parent)
            guard made == 0 || problem == EEXIST else { return nil }
        }
        let folder = open(sofar, O_PATH | O_DIRECTORY)
        guard folder >= 0 else { return nil }
        return (folder, Bytes(last))
    }
}
