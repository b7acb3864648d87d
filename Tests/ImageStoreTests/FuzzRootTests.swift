// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc
import ImageStore
import TandemModel
import TestSupport
import Testing

/// Damaged archives: an image that can be mounted, or an error and nothing left.
@Suite("Fuzzing of imports", .serialized)
struct FuzzRootTests {
    @Test(arguments: [TestArchive.Compression.none, .gzip, .zstd])
    func archives(_ compression: TestArchive.Compression) async throws {
        let descriptor = TestArchive(compression)
            .add("bin", type: S_IFDIR, mode: 0o755)
            .add("bin/tool", mode: 0o4755, content: String(repeating: "content ", count: 500))
            .add("bin/link", type: S_IFLNK, link: "tool")
            .add("bin/second", link: "bin/tool")
            .add("etc/.wh.gone").add("dev/null", type: S_IFCHR, device: (1, 3))
            .finish()
        let sample = try FileHandle(fileDescriptor: descriptor, closeOnDealloc: true).readToEnd() ?? Data()
        try await StoreFixture.run { fixture in
            var fuzzing = Fuzzing(least: 50)
            while fuzzing.next() {
                let damaged = memfd_create("damaged", 0)
                defer { close(damaged) }
                let bytes = fuzzing.mutated([UInt8](sample))
                #expect(write(damaged, bytes, bytes.count) == bytes.count)
                lseek(damaged, 0, SEEK_SET)
                do {
                    let images = try await fixture.store.importArchive(damaged, reference: "fuzz")
                    for image in images { _ = try fixture.look(image) { access($0, F_OK) } }
                } catch is EngineError {
                    // Refused, as it should be.
                }
                if (try? fixture.store.image("fuzz")) != nil {
                    _ = try fixture.store.remove("fuzz", force: true, users: [:])
                }
            }
            #expect(fixture.store.images.isEmpty, "seed \(fuzzing.seed)")
        }
    }
}
