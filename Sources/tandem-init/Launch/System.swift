// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Calls `body` with the bytes as a C string.
func withPath<Result>(_ path: Bytes, _ body: (UnsafePointer<CChar>) -> Result) -> Result {
    var terminated = path
    terminated.append(0)
    return terminated.withUnsafeBufferPointer { buffer in
        // Safety: the buffer is never empty, lives through the call, and UInt8 and CChar have one layout.
        buffer.baseAddress.unsafelyUnwrapped.withMemoryRebound(to: CChar.self, capacity: buffer.count) { body($0) }
    }
}

/// The bytes of a literal.
func bytes(_ text: StaticString) -> Bytes {
    Bytes(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
}

/// The decimal digits of a number.
func digits(_ number: Int) -> Bytes {
    guard number != 0 else { return [0x30] }
    var rest = number.magnitude
    var reversed: Bytes = []
    while rest > 0 {
        reversed.append(0x30 + UInt8(rest % 10))
        rest /= 10
    }
    if number < 0 { reversed.append(0x2D) }
    return Bytes(reversed.reversed())
}

/// Reads a decimal number; `nil` for anything else, also for one beyond 32 bits.
func decimal(_ text: some Collection<UInt8>) -> UInt32? {
    guard !text.isEmpty, text.count <= 10 else { return nil }
    var value: UInt64 = 0
    for byte in text {
        guard byte >= 0x30, byte <= 0x39 else { return nil }
        value = value * 10 + UInt64(byte - 0x30)
    }
    return UInt32(exactly: value)
}

/// Opens a path of the executor's own root.
func open(_ path: Bytes, _ flags: Int32, mode: UInt32 = 0, at folder: Int32 = AT_FDCWD) -> Int32 {
    withPath(path) { tandem_openat(folder, $0, flags | O_CLOEXEC, mode) }
}

/// The path by which a descriptor can be named in another system call.
func descriptorPath(_ descriptor: Int32) -> Bytes { bytes("/proc/self/fd/") + digits(Int(descriptor)) }

/// Reads a file of /proc or a small configuration file; `nil` if it cannot be opened.
func readFile(_ path: Bytes, at folder: Int32 = AT_FDCWD, limit: Int = 1 << 20) -> Bytes? {
    let descriptor = open(path, O_RDONLY, at: folder)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return readAll(descriptor, limit: limit)
}

/// Reads to the end of a descriptor, or to the limit.
func readAll(_ descriptor: Int32, limit: Int = 1 << 20) -> Bytes {
    var content: Bytes = []
    var chunk = Bytes(repeating: 0, count: 4_096)
    while content.count < limit {
        let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
        if count < 0 && tandem_errno() == EINTR { continue }
        guard count > 0 else { break }
        content += chunk[0..<count]
    }
    return content
}

/// Writes everything; the error number, or 0.
func writeAll(_ descriptor: Int32, _ content: Bytes) -> Int32 {
    var offset = 0
    while offset < content.count {
        let count = content[offset...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0 {
            if tandem_errno() == EINTR { continue }
            return tandem_errno()
        }
        offset += count
    }
    return 0
}

/// Writes a value into an existing file, as for /proc and /sys; the error number, or 0.
func writeFile(_ path: Bytes, _ content: Bytes) -> Int32 {
    let descriptor = open(path, O_WRONLY)
    guard descriptor >= 0 else { return tandem_errno() }
    defer { close(descriptor) }
    return writeAll(descriptor, content)
}

/// Splits at a byte, keeping empty parts.
func split(_ text: Bytes, at separator: UInt8) -> [ArraySlice<UInt8>] {
    text.split(separator: separator, omittingEmptySubsequences: false)
}
