// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The processes in the pid namespace of a workload's first process, as proc(5) of the executor shows them.
func processTable(of first: Int32) -> [ProcessRow] {
    guard first > 0, let namespace = pidNamespace(of: first) else { return [] }
    var rows: [ProcessRow] = []
    for name in folderEntries(bytes("/proc")) {
        guard let pid = decimal(name), pidNamespace(of: Int32(bitPattern: pid)) == namespace else { continue }
        // A process may end while it is looked at.
        if let row = processRow(pid) { rows.append(row) }
    }
    rows.sort { $0.pid < $1.pid }
    return rows
}

private func folder(of pid: Int32) -> Bytes { bytes("/proc/") + digits(Int(pid)) }

private func pidNamespace(of pid: Int32) -> UInt? {
    var status = stat()
    guard withPath(folder(of: pid) + bytes("/ns/pid"), { stat($0, &status) }) == 0 else { return nil }
    return UInt(status.st_ino)
}

private func processRow(_ pid: UInt32) -> ProcessRow? {
    let folder = folder(of: Int32(bitPattern: pid))
    guard let text = readFile(folder + bytes("/stat")), let end = text.lastIndex(of: 0x29),
        let begin = text.firstIndex(of: 0x28)
    else { return nil }
    // Fields after the name, which may hold blanks and parentheses; the first one is field 3 of proc_pid_stat(5).
    // Some, such as the limit of resident memory, take all 64 bits; signs are left out, no field in use has one.
    let fields = text[(end + 2)...].split(separator: 0x20).map { field in
        field.reduce(UInt64(0)) { total, byte in
            byte >= 0x30 && byte <= 0x39 ? total &* 10 &+ UInt64(byte - 0x30) : total
        }
    }
    guard fields.count > 21 else { return nil }
    var command = readFile(folder + bytes("/cmdline")) ?? []
    if command.isEmpty { command = [0x5B] + text[(begin + 1)..<end] + [0x5D] }
    while command.last == 0 { command.removeLast() }
    var status = stat()
    _ = withPath(folder) { stat($0, &status) }
    let tick = UInt64(1_000_000_000 / sysconf(Int32(_SC_CLK_TCK)))
    return ProcessRow(
        pid: pid, parent: UInt32(truncatingIfNeeded: fields[1]), uid: status.st_uid,
        startTime: fields[19] &* tick, cpuTime: (fields[11] &+ fields[12]) &* tick,
        residentMemory: fields[21] &* UInt64(getpagesize()), terminal: UInt32(truncatingIfNeeded: fields[4]),
        threads: UInt32(truncatingIfNeeded: fields[17]), command: command)
}

/// The executor's own view of its resources.
func readGuestUsage() -> GuestUsage {
    var usage = GuestUsage()
    for line in split(readFile(bytes("/proc/meminfo")) ?? [], at: 0x0A) {
        let words = Bytes(line).split(separator: 0x20)
        guard words.count >= 2, let kibibytes = decimal(words[1]) else { continue }
        let value = UInt64(kibibytes) * 1_024
        let name = Bytes(words[0])
        if name == bytes("MemTotal:") { usage.memoryTotal = value }
        if name == bytes("MemFree:") { usage.memoryFree = value }
        if name == bytes("MemAvailable:") { usage.memoryAvailable = value }
        if name == bytes("Buffers:") || name == bytes("Cached:") { usage.pageCache += value }
        if name == bytes("Slab:") { usage.slab = value }
    }
    var disk = statfs()
    if withPath(bytes("/run/writable"), { statfs($0, &disk) }) == 0 {
        usage.writableUsed = UInt64(disk.f_blocks - disk.f_bfree) * UInt64(disk.f_bsize)
    }
    usage.cpuTime = busyTime()
    var system = utsname()
    if uname(&system) == 0 {
        withUnsafeBytes(of: &system.release) { usage.kernelRelease = Bytes($0.prefix { $0 != 0 }) }
    }
    return usage
}

/// Processor time that was not idle: the first line of /proc/stat without idle (4th) and iowait (5th).
private func busyTime() -> UInt64 {
    guard let first = split(readFile(bytes("/proc/stat")) ?? [], at: 0x0A).first else { return 0 }
    let values = Bytes(first).split(separator: 0x20).dropFirst().map { UInt64(decimal($0) ?? 0) }
    var ticks: UInt64 = 0
    for (index, value) in values.prefix(8).enumerated() where index != 3 && index != 4 { ticks += value }
    return ticks * UInt64(1_000_000_000 / sysconf(Int32(_SC_CLK_TCK)))
}
