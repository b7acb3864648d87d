// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Tars that no honest program writes; those that can be taken have a busybox to look into them.
///
/// Made by Python's tarfile where it can, by hand where it refuses.
public struct HostileArchives: Sendable {
    /// Holds a file of each name.
    public let folder: ScratchFolder

    /// Makes them all.
    public init() async throws {
        folder = try ScratchFolder(prefix: "evil")
        let made = try await Program("python3", ["-c", Self.script, folder.path]).run()
        guard made.status == 0 else { throw Daemon.Failure(description: made.errors) }
    }

    /// The tar of a name.
    public func path(_ name: String) -> String { folder.path + "/" + name }

    /// The bytes of a tar.
    public func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: folder.url(name))) }

    private static let script = #"""
        import gzip, io, sys, tarfile
        folder = sys.argv[1]
        LINK, HARD, FOLDER, DEVICE = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE

        def member(tar, name, content=b"", type=tarfile.REGTYPE, link="", **more):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = type, link, len(content)
            for key, value in more.items(): setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))

        with open("/bin/busybox", "rb") as file: tool = ("busybox", file.read()), {"mode": 0o755}

        def archive(name, *members):
            with tarfile.open(f"{folder}/{name}", "w", format=tarfile.PAX_FORMAT) as tar:
                for arguments, more in members: member(tar, *arguments, **more)

        def m(*arguments, **more): return arguments, more

        archive("climbing", m("../../planted", b"x"))
        archive("climbing in the middle", m("a/../../planted", b"x"))
        archive("hard link out", m("link", type=HARD, link="../../../../etc/passwd"))
        archive("hard link to the host", m("link", type=HARD, link="/etc/passwd-"))
        archive("hard link to itself", m("link", type=HARD, link="link"))
        archive("whiteout device", m("null", type=DEVICE, devmajor=0, devminor=0))
        archive("long name", m("n" * 256, b"x"))
        archive("deep", m("d/" * 3000 + "x", b"x"))
        archive("very deep", m("d/" * 300000 + "x", b"x"))
        archive("ring of links", tool, m("a", type=LINK, link="b"), m("b", type=LINK, link="a"), m("a/x", b"inside"))
        archive("links that double", tool, m("l0", type=LINK, link="."),
                *[m("l%d" % n, type=LINK, link="l%d/l%d" % (n - 1, n - 1)) for n in range(1, 40)], m("l39/x", b"inside"))
        archive("through links", tool, m("out", type=LINK, link="/tmp"), m("out/planted", b"x"),
                m("up", type=LINK, link="../../../../../.."), m("up/tmp/planted2", b"x"))
        archive("deep enough", tool, m("d/" * 1900 + "x", b"inside"))
        archive("duplicates", tool, m("file", b"first and longer"), m("file", b"second"), m("folder", type=FOLDER, mode=0o755),
                m("folder/in", b"x"), m("folder", b"a file now"), m("file2", b"x"), m("file2", type=FOLDER, mode=0o711))
        with tarfile.open(f"{folder}/not UTF-8", "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
            member(tar, *tool[0], **tool[1])
            member(tar, b"caf\xe9".decode("utf-8", "surrogateescape"), b"latin")
            member(tar, "link", type=LINK, link=b"caf\xe9".decode("utf-8", "surrogateescape"))

        def header(name, size, type=b"0", more=b""):
            block = bytearray(512)
            block[0:len(name)] = name
            block[100:124] = b"0000644\0" + b"0000000\0" + b"0000000\0"
            block[124:136] = size
            block[136:148] = b"00000000000\0"
            block[148:156] = b" " * 8
            block[156:157] = type
            block[257:265] = b"ustar  \0"
            block[386:386 + len(more)] = more
            block[148:156] = b"%06o\0 " % sum(block)
            return bytes(block)

        def write(name, content):
            with open(f"{folder}/{name}", "wb") as file: file.write(content)

        write("endless file", header(b"file", b"\x80\0\0\0" + (2 ** 62).to_bytes(8, "big")) + b"x" * 2048)
        write("negative length", header(b"file", b"\xff" * 12) + b"x" * 2048)
        write("wrong checksum", header(b"file", b"00000001000\0").replace(b"file", b"fill") + b"x" * 2048)
        # GNU's old form: a map of one range at the end of 2^60 bytes.
        hole = b"%011o\0" % 0 + b"%011o\0" % 1
        write("hole without end", header(b"file", b"00000000001\0", b"S",
              hole + b"\0" * 73 + b"\x80\0\0\0" + (2 ** 60).to_bytes(8, "big")) + b"x" + b"\0" * 1535)
        # 10 GiB of zeros in 10 MiB: one compressed piece a thousand times.
        piece = gzip.compress(b"\0" * (10 << 20), 9, mtime=0)
        write("bomb", gzip.compress(header(b"zeros", b"\x80\0\0\0" + (10 << 30).to_bytes(8, "big")), mtime=0) + piece * 1024
              + gzip.compress(b"\0" * 1024, mtime=0))
        """#
}
