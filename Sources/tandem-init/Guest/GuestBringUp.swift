// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Makes process 1's surroundings and opens the channel to the monitor.
///
/// - Returns: A descriptor of the virtio port.
func bringUpGuest(deadline: UInt64 = 60_000_000_000) -> Result<Int32, LaunchFailure> {
    if let failure = leaveFirstRoot() ?? mountSystem() ?? loadModules() { return .failure(failure) }
    // As many open files as a container's daemon usually has; the kernel's own 1,024 are of another time.
    _ = tandem_set_limit(UInt32(RLIMIT_NOFILE.rawValue), 1 << 20, 1 << 20)
    return openChannel(until: tandem_monotonic() &+ deadline)
}

private func failed(_ object: Bytes) -> LaunchFailure { LaunchFailure(.guest, errno: tandem_errno(), object: object) }

/// The kernel's first root has no parent mount, so pivot_root refuses to leave it.
///
/// Bound on itself and moved over
/// itself, the same files are an ordinary mount that a workload can be pivoted away from.
private func leaveFirstRoot() -> LaunchFailure? {
    let place = bytes("/.root")
    if withPath(place, { mkdir($0, 0o700) }) < 0 && tandem_errno() != EEXIST { return failed(place) }
    guard mountFileSystem(source: [0x2F], target: place, type: [], flags: UInt(MS_BIND), options: []) == 0,
        withPath(place, { chdir($0) }) == 0,
        mountFileSystem(source: [0x2E], target: [0x2F], type: [], flags: UInt(MS_MOVE), options: []) == 0,
        chroot(".") == 0, chdir("/") == 0
    else { return failed(place) }
    return nil
}

private func mountSystem() -> LaunchFailure? {
    let careful = UInt(MS_NOSUID | MS_NODEV | MS_NOEXEC)
    return mountAt(bytes("/proc"), bytes("proc"), careful)
        ?? mountAt(bytes("/sys"), bytes("sysfs"), careful)
        ?? mountAt(bytes("/dev"), bytes("devtmpfs"), UInt(MS_NOSUID), bytes("mode=0755"))
        ?? mountAt(
            bytes("/dev/pts"), bytes("devpts"), UInt(MS_NOSUID | MS_NOEXEC), bytes("gid=5,mode=0620,ptmxmode=0666"))
        ?? mountAt(bytes("/run"), bytes("tmpfs"), UInt(MS_NOSUID | MS_NODEV), bytes("mode=0755"))
        ?? mountControlGroups(careful)
        ?? openStandardStreams()
}

/// A kernel without control groups still runs workloads; the limits of a VM are its size.
private func mountControlGroups(_ flags: UInt) -> LaunchFailure? {
    for line in split(readFile(bytes("/proc/filesystems")) ?? [], at: 0x0A)
    where Bytes(line) == bytes("nodev\tcgroup2") {
        return mountAt(bytes("/sys/fs/cgroup"), bytes("cgroup2"), flags, bytes("nsdelegate"))
    }
    return nil
}

/// The kernel opens /dev/console for process 1 only if the initramfs has the node.
private func openStandardStreams() -> LaunchFailure? {
    while true {
        let descriptor = withPath(bytes("/dev/null")) { tandem_openat(AT_FDCWD, $0, O_RDWR, 0) }
        guard descriptor >= 0 else { return failed(bytes("/dev/null")) }
        if descriptor > 2 { close(descriptor) }
        if descriptor >= 2 { return nil }
    }
}

private func mountAt(_ target: Bytes, _ type: Bytes, _ flags: UInt, _ options: Bytes = []) -> LaunchFailure? {
    makeFolders(target)
    // A kernel with CONFIG_DEVTMPFS_MOUNT may have been first.
    let result = mountFileSystem(source: type, target: target, type: type, flags: flags, options: options)
    return result < 0 && tandem_errno() != EBUSY ? failed(target) : nil
}

/// Loads the modules that `/modules/order` lists, one file name a line; a kernel with all of it built in has no list.
private func loadModules() -> LaunchFailure? {
    guard let order = readFile(bytes("/modules/order")) else { return nil }
    for line in order.split(separator: 0x0A) {
        let path = bytes("/modules/") + line
        let file = open(path, O_RDONLY)
        guard file >= 0 else { return failed(path) }
        let loaded = tandem_finit_module(file)
        let problem = tandem_errno()
        close(file)
        if loaded < 0 && problem != EEXIST { return LaunchFailure(.guest, errno: problem, object: path) }
    }
    return nil
}

/// Opens the port named `tandem.agent` once the kernel has found it.
private func openChannel(until deadline: UInt64) -> Result<Int32, LaunchFailure> {
    // Before the first look, so that nothing is missed. Looking again and again would take longer: a guest without a precise
    // timer sleeps for one tick or two at least.
    let events = tandem_uevent_socket()
    defer { if events >= 0 { close(events) } }
    var event = Bytes(repeating: 0, count: 2_048)
    while true {
        if let port = findPort() {
            let descriptor = open(bytes("/dev/") + port, O_RDWR | O_NONBLOCK)
            if descriptor >= 0 { return .success(descriptor) }
        }
        if tandem_monotonic() > deadline {
            return .failure(LaunchFailure(.guest, errno: ENODEV, object: bytes("tandem.agent")))
        }
        if events < 0 || recv(events, &event, event.count, 0) < 0 { usleep(1_000) }
    }
}

private func findPort() -> Bytes? {
    for name in folderEntries(bytes("/sys/class/virtio-ports")) {
        let label = readFile(bytes("/sys/class/virtio-ports/") + name + bytes("/name")) ?? []
        if Bytes(label.prefix { $0 != 0x0A }) == bytes("tandem.agent") { return name }
    }
    return nil
}

/// Ends the guest: every process, then what they wrote, then the power.
func powerOffGuest() -> Never {
    // The workload itself has been ended before; what is left gets no say.
    kill(-1, SIGKILL)
    while waitpid(-1, nil, 0) > 0 {}
    sync()
    unmountDisks()
    _ = tandem_power_off()
    while true { pause() }
}

/// Unmounts disks and shares, newest first, so that a disk's file system is clean for its next boot.
private func unmountDisks() {
    for line in split(readFile(bytes("/proc/mounts")) ?? [], at: 0x0A).reversed() {
        let fields = Bytes(line).split(separator: 0x20)
        guard fields.count > 2, fields[0].starts(with: bytes("/dev/vd")) || Bytes(fields[2]) == bytes("virtiofs") else {
            continue
        }
        _ = withPath(Bytes(fields[1])) { umount2($0, 0) }
    }
}
