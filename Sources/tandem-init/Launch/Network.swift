// SPDX-License-Identifier: Apache-2.0

import CLinux

/// Sets the workload's interfaces up, in the network namespace of the caller.
func setUp(_ interfaces: [NetworkInterface], _ report: FailureReport) {
    guard !interfaces.isEmpty else { return }
    do throws(NetlinkFailure) {
        try configure(interfaces)
    } catch {
        report.fail(LaunchFailure(.network, errno: error.errno, object: interfaces[0].name))
    }
}

/// The same where a failure is not the end.
func configure(_ interfaces: [NetworkInterface]) throws(NetlinkFailure) {
    for interface in interfaces where !interface.hasIPv6 {
        // Before it is up, so that it gets no address of the kernel's own choice. A kernel without IPv6 has no such file.
        _ = writeFile(bytes("/proc/sys/net/ipv6/conf/") + interface.name + bytes("/disable_ipv6"), [0x31])
    }
    let socket = try NetlinkSocket()
    try socket.configure(interfaces)
}
