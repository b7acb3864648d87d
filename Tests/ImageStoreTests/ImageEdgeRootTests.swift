// SPDX-License-Identifier: Apache-2.0

import CLibarchive
import CLinux
import Foundation
import Glibc
import ImageStore
import LinuxSystem
import OCI
import SystemPackage
import TandemModel
import Testing

/// What tars can hold and rarely do.
///
/// Needs root: layers are mounted to look into them.
@Suite("The edges of tars")
struct ImageEdgeRootTests {
    // MARK: Holes and sizes

    @Test(
        "holes of 4 GiB take no room, in every dialect",
        arguments: [
            "--format=gnu", "--format=pax --sparse-version=0.0", "--format=pax --sparse-version=0.1",
            "--format=pax --sparse-version=1.0",
        ])
    func sparse(_ format: String) async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importScript(
                """
                truncate -s 4G big; printf first | dd of=big conv=notrunc status=none
                printf middle | dd of=big bs=1 seek=2999999997 conv=notrunc status=none
                printf last | dd of=big bs=1 seek=4294967292 conv=notrunc status=none
                truncate -s 1M hole; echo after > small; chmod 751 big
                tar --sparse \(format) -cf archive.tar big hole small
                """)
            #expect(fixture.diskUse(image) < 1 << 20)
            try fixture.look(image) { folder in
                let big = status(folder + "/big")
                #expect(big.st_size == 4 << 30)
                #expect(big.st_mode & 0o777 == 0o751)
                let file = open(folder + "/big", O_RDONLY)
                defer { close(file) }
                for (place, expected) in [(0, "first"), (2_999_999_997, "middle"), ((4 << 30) - 4, "last")] {
                    var bytes = [UInt8](repeating: 0, count: expected.utf8.count)
                    #expect(pread(file, &bytes, bytes.count, place) == bytes.count)
                    #expect(bytes == Array(expected.utf8))
                }
                var hole = [UInt8](repeating: 1, count: 65_536)
                #expect(pread(file, &hole, hole.count, 1 << 30) == hole.count)
                #expect(hole.allSatisfy { $0 == 0 })
                #expect(status(folder + "/hole").st_size == 1 << 20)
                #expect(text(folder + "/small") == "after\n")
            }
        }
    }

    @Test("a file of more than 8 GiB, whose length no old header holds", arguments: ["gnu", "pax"])
    func large(_ format: String) async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importScript(
                """
                truncate -s 9G big; printf end | dd of=big bs=1 seek=9663676413 conv=notrunc status=none
                tar --sparse --format=\(format) -cf archive.tar big
                """)
            try fixture.look(image) { folder in
                #expect(status(folder + "/big").st_size == 9 << 30)
                let file = open(folder + "/big", O_RDONLY)
                defer { close(file) }
                var bytes = [UInt8](repeating: 0, count: 3)
                #expect(pread(file, &bytes, 3, (9 << 30) - 3) == 3 && bytes == Array("end".utf8))
            }
        }
    }

    @Test("files of every length around a block's end arrive whole")
    func lengths() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive()
            let lengths = [0, 1, 31, 4_031, 4_032, 4_033, 4_095, 4_096, 4_097, 8_128, 8_129, 300_000]
            let content = { (length: Int) in Data((0..<length).map { UInt8(truncatingIfNeeded: $0 * 7 + length) }) }
            for length in lengths { archive.add("f\(length)", content: content(length)) }
            for length in lengths {
                archive.add("x\(length)", content: content(length), attributes: ["user.a": Data(count: 500)])
            }
            let image = try await fixture.importArchive(archive)
            try fixture.look(image) { folder in
                for length in lengths {
                    for name in ["f", "x"] {
                        let found = try Data(contentsOf: URL(fileURLWithPath: folder + "/\(name)\(length)"))
                        #expect(found == content(length), "\(name)\(length)")
                    }
                }
            }
        }
    }

    // MARK: Compression

    @Test("every compression", arguments: TestArchive.Compression.allCases)
    func compression(_ compression: TestArchive.Compression) async throws {
        try await StoreFixture.run { fixture in
            let content = String(repeating: "text that can be made shorter ", count: 20_000)
            let image = try await fixture.importArchive(TestArchive(compression).add("file", content: content))
            #expect(try fixture.look(image) { text($0 + "/file") } == content)
            // Content is known by its uncompressed form: the same layer, however it came.
            let plain = try await fixture.importArchive(TestArchive().add("file", content: content))
            #expect(image.layers == plain.layers)
        }
    }

    // MARK: Metadata

    @Test("owners, set-user-ID bits, times, devices and attributes survive")
    func metadata() async throws {
        try await StoreFixture.run { fixture in
            let capability = Data([1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            let archive = TestArchive()
                .add("old", mode: 0o6755, content: "x", uid: 4_000_000_000, time: -86_400)
                .add("ping", mode: 0o755, content: Data("p".utf8), attributes: ["security.capability": capability])
                .add("sda17", type: S_IFBLK, mode: 0o660, device: (8, 0x111))
                .add("pipe", type: S_IFIFO, mode: 0o600)
                .add(
                    "many", type: S_IFDIR, mode: 0o1777, content: Data(),
                    attributes: Dictionary(
                        uniqueKeysWithValues: (0..<40).map { ("user.\($0)", Data(repeating: UInt8($0), count: 300)) }))
            let image = try await fixture.importArchive(archive)
            try fixture.lookAtTop(image) { folder in
                let old = status(folder + "/old")
                #expect(old.st_mode & 0o7777 == 0o6755 && old.st_uid == 4_000_000_000)
                #expect(tandem_modified_seconds(old) == -86_400)
                var value = [UInt8](repeating: 0, count: 64)
                #expect(getxattr(folder + "/ping", "security.capability", &value, 64) == 20)
                #expect(Data(value.prefix(20)) == capability)
                #expect(status(folder + "/sda17").st_mode == S_IFBLK | 0o660)
                #expect(status(folder + "/sda17").st_rdev == UInt(tandem_device(8, 0x111)))
                #expect(status(folder + "/pipe").st_mode == S_IFIFO | 0o600)
                #expect(status(folder + "/many").st_mode & 0o7777 == 0o1777)
                var long = [UInt8](repeating: 0, count: 400)
                for index in 0..<40 {
                    #expect(getxattr(folder + "/many", "user.\(index)", &long, 400) == 300)
                    #expect(long[0] == UInt8(index))
                }
            }
        }
    }

    @Test("more attributes than a layer holds are refused")
    func tooManyAttributes() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive().add(
                "file", content: Data("x".utf8),
                attributes: Dictionary(uniqueKeysWithValues: (0..<6).map { ("user.\($0)", Data(count: 60_000)) }))
            let error = await #expect(throws: EngineError.self) { try await fixture.importArchive(archive) }
            #expect(error?.code == .corruptData)
        }
    }

    // MARK: Names

    @Test("names may be long, and need not be Unicode", arguments: ["gnu", "pax"])
    func names(_ format: String) async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importScript(
                """
                mkdir in; cd in; printf latin > "$(printf 'caf\\351')"; printf utf8 > "$(printf 'caf\\303\\251')"
                ln -s "$(printf 'caf\\351')" link; ln "$(printf 'caf\\351')" hard
                long=$(printf 'n%.0s' $(seq 255)); mkdir -p $long/$long/$long; printf deep > $long/$long/$long/$long
                printf 'line' > "$(printf 'a\\nb')"
                tar --format=\(format) -cf ../archive.tar .
                """)
            try fixture.look(image) { folder in
                let root = open(folder, O_RDONLY | O_DIRECTORY)
                defer { close(root) }
                let names = try #require(Folders.rawNames(in: root))
                #expect(names.contains([0x63, 0x61, 0x66, 0xE9]) && names.contains(Array("caf\u{E9}".utf8)))
                #expect(text(folder + "/link") == "latin")
                #expect(status(folder + "/hard").st_nlink == 2)
                #expect(text(folder + "/a\nb") == "line")
                let long = String(repeating: "n", count: 255)
                #expect(text("\(folder)/\(long)/\(long)/\(long)/\(long)") == "deep")
            }
        }
    }

    @Test("a name that no file system takes is refused")
    func tooLong() async throws {
        try await StoreFixture.run { fixture in
            for name in [String(repeating: "n", count: 256), String(repeating: "d/", count: 3_000) + "x"] {
                let error = await #expect(throws: EngineError.self) {
                    try await fixture.importArchive(TestArchive().add(name, content: "x"))
                }
                #expect(error?.code == .corruptData)
            }
            #expect(fixture.store.images.isEmpty)
        }
    }

    @Test("folders of many names are searched right")
    func manyNames() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive()
            for number in 0..<3_000 {
                archive.add("folder/a name that is not quite short \(number)", content: "\(number)")
            }
            for number in 0..<50 { archive.add("folder/inner\(number)", type: S_IFDIR, mode: 0o755) }
            let image = try await fixture.importArchive(archive)
            try fixture.look(image) { folder in
                for number in 0..<3_000 {
                    #expect(text(folder + "/folder/a name that is not quite short \(number)") == "\(number)")
                }
                #expect(Folders.names(in: .init(folder + "/folder")).count == 3_050)
            }
            #expect(try fixture.lookAtTop(image) { status($0 + "/folder").st_nlink } == 52)
        }
    }

    // MARK: Order and replacement

    @Test("content may come before its folder, whose owner and mode count in the end")
    func contentFirst() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive().add("a/b/file", content: "x")
                .add("a/b", type: S_IFDIR, mode: 0o700, uid: 5).add("a", type: S_IFDIR, mode: 0o711, uid: 6)
                .add(".", type: S_IFDIR, mode: 0o1755, uid: 7)
            let image = try await fixture.importArchive(archive)
            try fixture.look(image) { folder in
                #expect(text(folder + "/a/b/file") == "x")
                #expect(status(folder + "/a/b").st_mode & 0o7777 == 0o700 && status(folder + "/a/b").st_uid == 5)
                #expect(status(folder + "/a").st_mode & 0o7777 == 0o711 && status(folder + "/a").st_uid == 6)
                #expect(status(folder + "/.").st_mode & 0o7777 == 0o1755 && status(folder + "/.").st_uid == 7)
            }
        }
    }

    @Test("the later member wins, whatever the two are")
    func replacement() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive()
                .add("file", content: "old").add("file", type: S_IFDIR, mode: 0o755).add("file/in", content: "new")
                .add("folder/a/b", content: "old").add("keep", link: "folder/a/b").add("folder", content: "new")
                .add("link", type: S_IFLNK, link: "file").add("link", content: "no link any more")
                .add("twice", content: "first and longer").add("twice", content: "second")
                .add("null", type: S_IFCHR, device: (1, 3)).add("null", type: S_IFLNK, link: "/dev/null")
                .add("dangling", type: S_IFLNK, link: "nowhere").add("dangling/in", content: "folder")
                .add("plain", content: "x").add("plain/in", content: "folder")
            let image = try await fixture.importArchive(archive)
            try fixture.look(image) { folder in
                #expect(text(folder + "/file/in") == "new")
                #expect(text(folder + "/folder") == "new")
                #expect(text(folder + "/keep") == "old")
                #expect(text(folder + "/link") == "no link any more")
                #expect(text(folder + "/twice") == "second")
                #expect(status(folder + "/null").st_mode & S_IFMT == S_IFLNK)
                #expect(text(folder + "/dangling/in") == "folder")
                #expect(text(folder + "/plain/in") == "folder")
            }
            #expect(try fixture.lookAtTop(image) { status($0 + "/keep").st_nlink } == 1)
        }
    }

    @Test("links lead to where they would in the image, and never out of it")
    func links() async throws {
        try await StoreFixture.run { fixture in
            let archive = TestArchive()
                .add("usr/bin", type: S_IFDIR, mode: 0o755).add("bin", type: S_IFLNK, link: "usr/bin")
                .add("bin/tool", content: "t").add("sbin", type: S_IFLNK, link: "/../../bin")
                .add("sbin/other", content: "o").add("usr/lib/up", type: S_IFLNK, link: "../../../../usr")
                .add("usr/lib/up/share/x", content: "s").add("loop", type: S_IFLNK, link: "loop")
                .add("loop/x", content: "folder").add("hard", link: "sbin/tool").add("same", link: "bin")
            let image = try await fixture.importArchive(archive)
            try fixture.lookAtTop(image) { folder in
                #expect(text(folder + "/usr/bin/tool") == "t")
                #expect(text(folder + "/usr/bin/other") == "o")
                #expect(text(folder + "/usr/share/x") == "s")
                #expect(text(folder + "/loop/x") == "folder")
                #expect(status(folder + "/hard").st_ino == status(folder + "/usr/bin/tool").st_ino)
                // A hard link to a link is that link.
                #expect(status(folder + "/same").st_mode & S_IFMT == S_IFLNK)
                #expect(status(folder + "/same").st_nlink == 2)
            }
        }
    }

    @Test("a file system of many files is sound for the checker of the format")
    func isSound() async throws {
        try await StoreFixture.run { fixture in
            let image = try await fixture.importScript(
                "tar -C / -cf archive.tar etc bin/busybox usr/share/doc/libc6 || true")
            for layer in image.layers {
                try SystemProgram(path: "/usr/bin/fsck.erofs", arguments: ["--extract", layer.path.string]).run()
            }
        }
    }
}
