// SPDX-License-Identifier: Apache-2.0
import CLinux

extension Array where Element == UInt8 {
    /// The bytes of a literal.
    init(_ text: StaticString) {
        self.init(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Calls `body` with the bytes as a C string.
    func withText<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        var text = [CChar](repeating: 0, count: count + 1)
        for index in 0..<count { text[index] = CChar(bitPattern: self[index]) }
        return text.withUnsafeBufferPointer { buffer in
            // The array is never empty, so it has a base address; the fallback satisfies the type only.
            buffer.baseAddress.map(body) ?? "".withCString(body)
        }
    }

    /// Whether the bytes begin with `prefix`.
    func begins(with prefix: Bytes) -> Bool {
        guard count >= prefix.count else { return false }
        for index in 0..<prefix.count where self[index] != prefix[index] { return false }
        return true
    }

    /// The parts between `separator`, empty ones included.
    func parts(at separator: UInt8) -> [Bytes] {
        var result: [Bytes] = []
        var part = Bytes()
        for byte in self {
            if byte == separator {
                result.append(part)
                part = []
            } else {
                part.append(byte)
            }
        }
        result.append(part)
        return result
    }

    /// The value of decimal digits; nil for anything else, or beyond 32 bits.
    var decimalValue: UInt32? {
        guard !isEmpty && count <= 10 else { return nil }
        var value: UInt64 = 0
        for byte in self {
            guard byte >= 0x30 && byte <= 0x39 else { return nil }
            value = value * 10 + UInt64(byte - 0x30)
        }
        return UInt32(exactly: value)
    }

    /// Without white space at its end.
    var trimmed: Bytes {
        var end = count
        while end > 0 && (self[end - 1] == 0x0A || self[end - 1] == 0x20 || self[end - 1] == 0) { end -= 1 }
        return Bytes(self[0..<end])
    }
}

/// A number in decimal digits.
func decimal(_ number: UInt64) -> Bytes {
    var rest = number
    var digits = Bytes()
    repeat {
        digits.append(0x30 + UInt8(rest % 10))
        rest /= 10
    } while rest > 0
    digits.reverse()
    return digits
}

/// `/proc/self/fd/N`: a path to what a descriptor refers to, for mount(2).
func descriptorPath(_ descriptor: Int32) -> Bytes { Bytes("/proc/self/fd/") + decimal(UInt64(descriptor)) }

/// open(2).
func openPath(_ path: Bytes, _ flags: Int32, _ mode: UInt32 = 0) -> Int32 {
    path.withText { tandem_openat(AT_FDCWD, $0, flags, mode) }
}

/// Closes a descriptor that may be -1.
func closeIfOpen(_ descriptor: Int32) {
    if descriptor >= 0 { close(descriptor) }
}

/// Writes all bytes; -1 with errno on failure.
func writeAll(_ descriptor: Int32, _ bytes: Bytes) -> Int32 {
    var offset = 0
    while offset < bytes.count {
        let written = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + offset }, bytes.count - offset) }
        if written < 0 && tandem_errno() == EINTR { continue }
        if written < 0 { return -1 }
        offset += written
    }
    return 0
}

/// Writes an existing file with one open; -1 with errno on failure.
func writeFile(_ path: Bytes, _ bytes: Bytes) -> Int32 {
    let descriptor = openPath(path, O_WRONLY | O_CLOEXEC)
    if descriptor < 0 { return -1 }
    let result = writeAll(descriptor, bytes)
    let error = tandem_errno()
    close(descriptor)
    tandem_set_errno(error)
    return result
}

/// Reads a descriptor to its end, up to a bound.
func readAll(_ descriptor: Int32, limit: Int = 4 << 20) -> Bytes {
    var result = Bytes()
    var chunk = Bytes(repeating: 0, count: 4096)
    while result.count < limit {
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && tandem_errno() == EINTR { continue }
        if count <= 0 { break }
        result += chunk[0..<count]
    }
    return result
}

/// Reads a whole small file; nil if it cannot be opened.
func readFile(_ path: Bytes) -> Bytes? {
    let descriptor = openPath(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    return readAll(descriptor)
}

/// Throws what errno says if a call has failed.
func check(_ result: Int32, _ step: LaunchFailure.Step, _ object: Bytes = []) throws(LaunchFailure) {
    if result < 0 { throw LaunchFailure(step, errno: tandem_errno(), object: object) }
}
