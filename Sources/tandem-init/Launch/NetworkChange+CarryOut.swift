// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Changes the network of a process, and what its files say of it.
///
/// - Returns: Why that is not possible, if so.
func carryOut(_ change: NetworkChange, inNetworkOf process: Int32) -> LaunchFailure? {
    let place = bytes("/proc/") + digits(Int(process))
    return setUp(change.interfaces, inNetworkOf: place) ?? carryOut(change.files, in: place + bytes("/root"))
}

/// The caller has a single thread, and comes back to its own network.
private func setUp(_ interfaces: [NetworkInterface], inNetworkOf place: Bytes) -> LaunchFailure? {
    guard !interfaces.isEmpty else { return nil }
    let kind = Int32(bitPattern: NamespaceSet.network.rawValue)
    let own = open(bytes("/proc/self/ns/net"), O_RDONLY)
    defer { close(own) }
    let target = open(place + bytes("/ns/net"), O_RDONLY)
    guard target >= 0 else { return LaunchFailure(.network, errno: tandem_errno(), object: place) }
    defer { close(target) }
    guard own >= 0, setns(target, kind) == 0 else {
        return LaunchFailure(.network, errno: tandem_errno(), object: place)
    }
    var failure: LaunchFailure?
    do throws(NetlinkFailure) {
        try configure(interfaces)
    } catch {
        failure = LaunchFailure(.network, errno: error.errno, object: interfaces[0].name)
    }
    _ = setns(own, kind)
    return failure
}

/// What a workload has taken away, made read-only or put something else in the place of stays as it is.
private func carryOut(_ files: [LineChange], in place: Bytes) -> LaunchFailure? {
    let root = open(place, O_PATH | O_DIRECTORY)
    guard root >= 0 else { return LaunchFailure(.network, errno: tandem_errno(), object: place) }
    defer { close(root) }
    for file in files {
        // Not to wait for the other end of a pipe.
        let descriptor = RootFolder(descriptor: root).open(file.path, O_RDWR | O_NONBLOCK)
        guard descriptor >= 0 else { continue }
        defer { close(descriptor) }
        var status = stat()
        // What is longer than is read has been made by somebody else.
        guard fstat(descriptor, &status) == 0, Int32(bitPattern: status.st_mode) & S_IFMT == S_IFREG,
            status.st_size < 1 << 20,
            let content = file.applied(to: readAll(descriptor))
        else { continue }
        // In place: programs that watch it, and mounts of it, see the same file.
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else { continue }
        let problem = writeAll(descriptor, content)
        guard problem == 0 else { return LaunchFailure(.network, errno: problem, object: file.path) }
    }
    return nil
}
