// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Writes Docker's json-file log: one object a line, `{"log":…,"stream":…,"time":…}`.
///
/// Lines over 16 KiB are split into partial entries, of which only the last ends with a line feed, as
/// moby `daemon/logger/copier.go` does.
final class LogWriter {
    private static let longestLine = 16_384
    private let path: Bytes
    private let maximumSize: UInt64
    private let maximumFiles: UInt32
    private let attributes: Bytes
    private var descriptor: Int32 = -1
    private var size: UInt64 = 0
    /// Bytes of a line that has not ended, of stdout and stderr.
    private var partial: [Bytes] = [[], []]

    /// Opens the log for appending; an empty path keeps none.
    init(_ plan: MonitorPlan) {
        path = plan.logPath
        maximumSize = plan.logMaximumSize
        maximumFiles = max(1, plan.logMaximumFiles)
        attributes = plan.logAttributes
    }

    /// - Returns: What failed, or `nil`.
    func open() -> LaunchFailure? {
        guard !path.isEmpty else { return nil }
        descriptor = tandem_init.open(path, O_WRONLY | O_APPEND | O_CREAT, mode: 0o640)
        guard descriptor >= 0 else { return LaunchFailure(.log, errno: tandem_errno(), object: path) }
        var status = stat()
        if fstat(descriptor, &status) == 0 { size = UInt64(status.st_size) }
        return nil
    }

    /// Takes output of a stream, 1 or 2.
    func append(stream: UInt8, _ bytes: Bytes) {
        guard descriptor >= 0 else { return }
        let index = stream == 2 ? 1 : 0
        let time = rfc3339(tandem_realtime())
        var entries: Bytes = []
        var line = partial[index]
        partial[index] = []
        for byte in bytes {
            line.append(byte)
            if byte == 0x0A || line.count == Self.longestLine {
                appendEntry(&entries, line, index, time)
                line.removeAll(keepingCapacity: true)
                // Rotation looks at whole entries, so a file may pass the limit by one of them at most.
                if maximumSize > 0 && size + UInt64(entries.count) >= maximumSize {
                    write(entries)
                    entries.removeAll(keepingCapacity: true)
                }
            }
        }
        partial[index] = line
        write(entries)
    }

    /// Writes lines that never ended.
    func finish() {
        guard descriptor >= 0 else { return }
        for index in 0..<2 where !partial[index].isEmpty {
            var entry: Bytes = []
            appendEntry(&entry, partial[index], index, rfc3339(tandem_realtime()))
            partial[index] = []
            write(entry)
        }
    }

    private func appendEntry(_ entries: inout Bytes, _ line: Bytes, _ index: Int, _ time: Bytes) {
        entries += bytes("{\"log\":\"")
        appendEscaped(&entries, line)
        entries += index == 1 ? bytes("\",\"stream\":\"stderr\"") : bytes("\",\"stream\":\"stdout\"")
        if !attributes.isEmpty { entries += bytes(",\"attrs\":") + attributes }
        entries += bytes(",\"time\":\"")
        entries += time
        entries += bytes("\"}\n")
    }

    private func write(_ entries: Bytes) {
        guard !entries.isEmpty else { return }
        // A full disk must not end the workload: its output still reaches whoever is attached.
        _ = writeAll(descriptor, entries)
        size += UInt64(entries.count)
        if maximumSize > 0 && size >= maximumSize { rotate() }
    }

    /// `log` becomes `log.1`, `log.1` becomes `log.2`, …; with one file only, it starts again.
    private func rotate() {
        if maximumFiles > 1 {
            for number in stride(from: Int(maximumFiles) - 1, to: 0, by: -1) {
                let from = number == 1 ? path : path + [0x2E] + digits(number - 1)
                _ = withPath(from) { from in withPath(path + [0x2E] + digits(number)) { rename(from, $0) } }
            }
        }
        let next = tandem_init.open(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC, mode: 0o640)
        guard next >= 0 else { return }  // the old file goes on being used
        close(descriptor)
        descriptor = next
        size = 0
    }
}

private let hexadecimal: StaticString = "0123456789abcdef"

/// Escapes as Go's encoding/json with HTML escaping, which Docker's log has.
private func appendEscaped(_ target: inout Bytes, _ text: Bytes) {
    var index = 0
    while index < text.count {
        let byte = text[index]
        if byte < 0x80 {
            appendEscaped(&target, ascii: byte)
            index += 1
            continue
        }
        let length = sequenceLength(text, at: index)
        if length == 0 {
            target += bytes("\\ufffd")
            index += 1
        } else if length == 3 && byte == 0xE2 && text[index + 1] == 0x80 && text[index + 2] & 0xFE == 0xA8 {
            // U+2028 and U+2029 are line ends in JavaScript.
            target += text[index + 2] == 0xA8 ? bytes("\\u2028") : bytes("\\u2029")
            index += 3
        } else {
            target += text[index..<(index + length)]
            index += length
        }
    }
}

private func appendEscaped(_ target: inout Bytes, ascii byte: UInt8) {
    switch byte {
    case 0x22, 0x5C: target += [0x5C, byte]
    case 0x0A: target += bytes("\\n")
    case 0x0D: target += bytes("\\r")
    case 0..<0x20, 0x3C, 0x3E, 0x26:
        target += bytes("\\u00")
        target.append(hexadecimal.utf8Start[Int(byte >> 4)])
        target.append(hexadecimal.utf8Start[Int(byte & 15)])
    default: target.append(byte)
    }
}

/// Length of the UTF-8 sequence at a place (RFC 3629), 0 if it is none.
private func sequenceLength(_ text: Bytes, at index: Int) -> Int {
    let lead = text[index]
    let length =
        lead >= 0xF0 && lead <= 0xF4 ? 4 : lead >= 0xE0 && lead < 0xF0 ? 3 : lead >= 0xC2 && lead < 0xE0 ? 2 : 0
    guard length > 0, index + length <= text.count else { return 0 }
    for offset in 1..<length where text[index + offset] & 0xC0 != 0x80 { return 0 }
    let second = text[index + 1]
    if lead == 0xE0 && second < 0xA0 || lead == 0xED && second > 0x9F { return 0 }
    if lead == 0xF0 && second < 0x90 || lead == 0xF4 && second > 0x8F { return 0 }
    return length
}

/// A time since 1970 in nanoseconds, as Go's `time.RFC3339Nano` writes it: zeros at the end are cut.
func rfc3339(_ nanoseconds: UInt64) -> Bytes {
    var seconds = time_t(nanoseconds / 1_000_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    var text = padded(Int(parts.tm_year) + 1900, 4) + [0x2D] + padded(Int(parts.tm_mon) + 1, 2) + [0x2D]
    text += padded(Int(parts.tm_mday), 2) + [0x54] + padded(Int(parts.tm_hour), 2) + [0x3A]
    text += padded(Int(parts.tm_min), 2) + [0x3A] + padded(Int(parts.tm_sec), 2)
    var fraction = padded(Int(nanoseconds % 1_000_000_000), 9)
    while fraction.last == 0x30 { fraction.removeLast() }
    if !fraction.isEmpty { text += [0x2E] + fraction }
    return text + [0x5A]
}

private func padded(_ number: Int, _ width: Int) -> Bytes {
    let text = digits(number)
    return Bytes(repeating: 0x30, count: max(0, width - text.count)) + text
}
