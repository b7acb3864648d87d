// SPDX-License-Identifier: Apache-2.0

import CLinux

/// The processes of a workload, as proc(5) of the executor shows them.
///
/// They are those in the pid namespace of its first process. A workload that has none of its own has
/// the processes of its control group `group` instead.
func processTable(of first: Int32, group: Bytes) -> ProcessTable {
    var table = ProcessTable(rows: [])
    if group.isEmpty {
        guard first > 0, let namespace = pidNamespace(of: first) else { return table }
        for name in folderEntries(bytes("/proc")) {
            guard let pid = decimal(name), pidNamespace(of: Int32(bitPattern: pid)) == namespace else { continue }
            // A process may end while it is looked at.
            if let row = processRow(pid) { table.rows.append(row) }
        }
    } else {
        for line in split(readFile(group + bytes("/cgroup.procs")) ?? [], at: 0x0A) {
            if let pid = decimal(line), let row = processRow(pid) { table.rows.append(row) }
        }
    }
    table.rows.sort { $0.pid < $1.pid }
    table.uptime = tandem_clock(CLOCK_BOOTTIME)
    table.time = tandem_realtime()
    table.memory = readGuestUsage().memoryTotal
    return table
}

private func folder(of pid: Int32) -> Bytes { bytes("/proc/") + digits(Int(pid)) }

private func pidNamespace(of pid: Int32) -> UInt? {
    var status = stat()
    guard withPath(folder(of: pid) + bytes("/ns/pid"), { stat($0, &status) }) == 0 else { return nil }
    return UInt(status.st_ino)
}

private func processRow(_ pid: UInt32) -> ProcessRow? {
    let folder = folder(of: Int32(bitPattern: pid))
    guard let statistics = readFile(folder + bytes("/stat")), !statistics.isEmpty else { return nil }
    let status = readFile(folder + bytes("/status")) ?? []
    // All rows have to fit one frame.
    var command = readFile(folder + bytes("/cmdline"), limit: 4_096) ?? []
    while command.last == 0 { command.removeLast() }
    return ProcessRow(
        pid: pid, uid: effectiveID(bytes("Uid:"), status), gid: effectiveID(bytes("Gid:"), status),
        statistics: statistics, command: command)
}

/// The second of the numbers behind a label of proc_pid_status(5).
private func effectiveID(_ label: Bytes, _ status: Bytes) -> UInt32 {
    for line in split(status, at: 0x0A) where line.starts(with: label) {
        let numbers = line.dropFirst(label.count).split(separator: 0x09)
        return numbers.count > 1 ? decimal(numbers[1]) ?? 0 : 0
    }
    return 0
}

/// The executor's own view of its resources.
func readGuestUsage() -> GuestUsage {
    var usage = GuestUsage()
    let kernelNames = ["Slab:", "PageTables:", "KernelStack:", "Percpu:"].map { bytes($0) }
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
        if name == bytes("PageTables:") { usage.pageTables = value }
        if kernelNames.contains(name) { usage.kernelMemory += value }
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
