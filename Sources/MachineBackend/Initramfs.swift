// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import SystemPackage
import TandemModel

/// The initial file system of a guest: the agent as `/init`, busybox for helpers, the kernel's modules.
///
/// It is not compressed: under emulation unpacking costs more than reading. It is made once for each set of inputs.
struct Initramfs {
    /// The agent, `tandem-init`.
    var program: FilePath
    /// busybox, statically linked.
    var busybox: FilePath = "/bin/busybox"
    /// Modules in the order in which the agent loads them.
    var modules: [FilePath]
    /// Where finished archives are kept.
    var folder: FilePath

    /// The path of the archive, which is written first if no archive of these inputs is there.
    func make() throws(EngineError) -> FilePath {
        let target = folder.appending("initramfs-\(try key()).cpio")
        if FileManager.default.fileExists(atPath: target.string) { return target }
        var archive = CpioArchive()
        for name in ["bin", "dev", "proc", "sys", "run", "modules", "root"] { archive.addFolder(name) }
        archive.addDevice("dev/console", major: 5, minor: 1)
        archive.addFile("init", mode: 0o755, content: try content(of: program))
        archive.addFile("bin/busybox", mode: 0o755, content: try content(of: busybox))
        var order = ""
        for module in modules {
            guard let name = module.lastComponent?.string else { continue }
            archive.addFile("modules/\(name)", mode: 0o644, content: try content(of: module))
            order += name + "\n"
        }
        archive.addFile("modules/order", mode: 0o644, content: Array(order.utf8))
        archive.finish()
        do {
            try FileManager.default.createDirectory(atPath: folder.string, withIntermediateDirectories: true)
            try Data(archive.bytes).write(to: URL(filePath: target.string), options: .atomic)
        } catch {
            throw EngineError(.internal, "the initial file system '\(target)' cannot be written", cause: error)
        }
        removeOthers(than: target)
        return target
    }

    /// A hash of the inputs' identity: path, size, inode and time of change of each.
    private func key() throws(EngineError) -> String {
        // FNV-1a; it tells sets of inputs apart, nobody attacks it.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for path in [program, busybox] + modules {
            var status = stat()
            guard stat(path.string, &status) == 0 else {
                throw EngineError(
                    .notFound, "'\(path)', which every guest needs, is missing",
                    hint: "Run `make setup` and build Tandem again.")
            }
            let text =
                "\(path) \(status.st_size) \(status.st_ino) \(tandem_modified_seconds(status)).\(tandem_modified_nanoseconds(status))\n"
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return String(hash, radix: 16)
    }

    private func content(of path: FilePath) throws(EngineError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path.string) else {
            throw EngineError(.notFound, "'\(path)', which every guest needs, cannot be read")
        }
        return Array(data)
    }

    /// Archives of earlier inputs are of no use once no guest boots from them, and QEMU has read them by then.
    private func removeOthers(than kept: FilePath) {
        // A folder that cannot be listed, or a file that is gone already, is nothing to remove.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.string)) ?? []
        let archives = names.filter { $0.hasPrefix("initramfs-") && $0 != kept.lastComponent?.string }
        guard archives.count > 4 else { return }
        for name in archives { try? FileManager.default.removeItem(atPath: folder.appending(name).string) }
    }
}
