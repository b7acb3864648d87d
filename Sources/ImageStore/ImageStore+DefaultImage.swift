// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import FoundationEssentials
import Glibc
import LinuxSystem
import OCI
public import SystemPackage
public import TandemModel

extension ImageStore {
    /// The image that Tandem makes itself, from Debian's `busybox-static`.
    public static let defaultReference = "busybox:latest"

    /// Makes the default image if no image of that name is there.
    ///
    /// - Throws: `.unavailable` if the host has no static busybox.
    public func makeDefaultImage(busybox: FilePath = "/bin/busybox") async throws(EngineError) -> Image {
        if let present = try? image(Self.defaultReference) { return present }  // absent is why we are here
        let archive = try await BlockingQueue.run { () throws(EngineError) in try Self.archive(of: busybox) }
        defer { close(archive) }
        let images = try await importArchive(
            archive, reference: Self.defaultReference, message: "Made from the host's busybox-static",
            changes: ["CMD [\"sh\"]", "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        guard let image = images.first else { throw EngineError(.internal, "the default image was not made") }
        return image
    }

    /// A tar with busybox, a link for each applet, and what programs expect to find, in memory.
    private static func archive(of busybox: FilePath) throws(EngineError) -> Int32 {
        guard let program = try? Data(contentsOf: URL(filePath: busybox.string)) else {  // the reason does not help
            throw EngineError(
                .unavailable, "'\(busybox)' cannot be read, from which the default image is made",
                hint: "Install it: apt install busybox-static")
        }
        let applets = try SystemProgram(path: busybox.string, arguments: ["--list"]).output().split(separator: "\n")
        var status = stat()
        _ = busybox.withPlatformString { stat($0, &status) }
        let memory = tandem_memory_file("busybox")
        guard memory >= 0 else { throw EngineError(.resourceExhausted, "there is no memory for the default image") }
        do throws(EngineError) {
            let tar = try TarWriter(descriptor: memory, time: Int(tandem_modified_seconds(status)))
            try write(tar, program: [UInt8](program), applets: applets.map(String.init))
            try tar.finish()
            _ = lseek(memory, 0, SEEK_SET)
            return memory
        } catch {
            close(memory)
            throw error
        }
    }

    private static func write(_ tar: TarWriter, program: [UInt8], applets: [String]) throws(EngineError) {
        for folder in [
            "bin", "dev", "etc", "home", "lib", "proc", "sys", "usr", "usr/bin", "usr/sbin", "var", "var/spool",
        ] {
            try tar.addFolder(folder)
        }
        try tar.addFolder("root", mode: 0o700)
        try tar.addFolder("tmp", mode: 0o1777)
        try tar.addFile("bin/busybox", mode: 0o755, content: program)
        for applet in applets where applet != "busybox" { try tar.addHardLink("bin/\(applet)", to: "bin/busybox") }
        try tar.addSymbolicLink("usr/bin/env", to: "../../bin/env")
        for (path, content) in files { try tar.addFile(path, content: Array(content.utf8)) }
        try tar.addFile("etc/shadow", mode: 0o640, content: Array("root:*:19000:0:99999:7:::\n".utf8))
    }

    private static let files = [
        (
            "etc/passwd",
            """
            root:x:0:0:root:/root:/bin/sh
            daemon:x:1:1:daemon:/usr/sbin:/bin/false
            bin:x:2:2:bin:/bin:/bin/false
            www-data:x:33:33:www-data:/var/www:/bin/false
            nobody:x:65534:65534:nobody:/home:/bin/false

            """
        ),
        (
            "etc/group",
            """
            root:x:0:
            daemon:x:1:
            bin:x:2:
            tty:x:5:
            wheel:x:10:root
            www-data:x:33:
            nobody:x:65534:

            """
        ),
    ]
}
