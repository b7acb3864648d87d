// SPDX-License-Identifier: Apache-2.0

/// The keys by which a user leaves a process that has a terminal.
public struct DetachKeys: Sendable {
    private let keys: [UInt8]
    private var seen = 0

    /// Docker's default: ctrl-p, ctrl-q.
    public init() { keys = [0x10, 0x11] }

    /// Parses Docker's form: single characters and `ctrl-` with one of `a`–`z @ [ \ ] ^ _`, separated by commas.
    ///
    /// - Returns: `nil` where the text is none.
    public init?(_ text: String) {
        var keys: [UInt8] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let bytes = Array(part.utf8)
            if bytes.count == 1 {
                keys.append(bytes[0])
            } else if part.hasPrefix("ctrl-"), bytes.count == 6, (0x40...0x5F).contains(bytes[5] & 0xDF) {
                keys.append(bytes[5] & 0x1F)
            } else {
                return nil
            }
        }
        self.keys = keys
    }

    /// Takes the keys out of what was typed.
    ///
    /// What turns out not to be the whole sequence is passed on with what follows it.
    public mutating func filter(_ bytes: [UInt8]) -> (passed: [UInt8], isDetaching: Bool) {
        var passed: [UInt8] = []
        for byte in bytes {
            if byte != keys[seen] {
                passed += keys[..<seen]
                seen = 0
            }
            if byte == keys[seen] {
                seen += 1
                if seen == keys.count { return (passed, true) }
            } else {
                passed.append(byte)
            }
        }
        return (passed, false)
    }
}
