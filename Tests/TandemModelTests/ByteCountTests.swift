// SPDX-License-Identifier: Apache-2.0

import TandemModel
import Testing

struct ByteCountTests {
    @Test(
        arguments: [
            ("0", 0), ("512", 512), ("1b", 1), ("64k", 65_536), ("256m", 268_435_456), ("256MB", 268_435_456),
            ("1.5g", 1_610_612_736), ("1GiB", 1_073_741_824), ("2t", 2_199_023_255_552),
        ] as [(String, UInt64)])
    func parsesDockersQuantities(text: String, bytes: UInt64) {
        #expect(ByteCount(dockerText: text)?.bytes == bytes)
    }

    @Test(arguments: ["", "m", "-1", "1x", "1.2.3g", "99999999999g", "0x10", "1e3", " 1", "١m"])
    func refusesWhatIsNoQuantity(text: String) {
        #expect(ByteCount(dockerText: text) == nil)
    }
}
