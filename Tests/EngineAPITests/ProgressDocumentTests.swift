// SPDX-License-Identifier: Apache-2.0

import APIModel
import Engine
import OCI
import Testing

@testable import EngineAPI

struct ProgressDocumentTests {
    @Test func layersHaveDetailsAndABar() {
        let half = TransferMessage("Downloading", id: "abc", current: 1_500_000, total: 3_000_000, isLayer: true)
        let document = ProgressDocument.document(half)
        #expect(document["progressDetail"] == ["current": 1_500_000, "total": 3_000_000])
        #expect(document["progress"] == .string("[=========================>                         ]    1.5MB/3MB"))
        #expect(document["id"] == "abc" && document["status"] == "Downloading")
        let done = ProgressDocument.document(TransferMessage("Pull complete", id: "abc", isLayer: true))
        #expect(done == ["id": "abc", "status": "Pull complete", "progressDetail": [:]])
    }

    @Test func otherLinesHaveNone() {
        #expect(ProgressDocument.document(TransferMessage("Digest: x")) == ["status": "Digest: x"])
        #expect(ProgressDocument.document(TransferMessage("Pulling from a", id: "1"))["progressDetail"] == .null)
    }

    @Test func platformsKeepTheirVariants() throws {
        let platform = try PlatformParameter("linux/arm/v7").descriptor(default: "amd64")
        #expect(platform.os == "linux" && platform.architecture == "arm" && platform.variant == "v7")
        #expect(try PlatformParameter("linux").descriptor(default: "amd64").architecture == "amd64")
    }
}
