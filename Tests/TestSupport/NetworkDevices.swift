// SPDX-License-Identifier: Apache-2.0

/// The network devices of a namespace (proc_pid_net(5), `dev`).
///
/// Not those of /sys/class/net, which shows the namespace that has mounted it.
enum NetworkDevices {
    static func names(_ table: String) -> [String] {
        table.split(separator: "\n").dropFirst(2).map { line in String(line.prefix { $0 != ":" }.drop { $0 == " " }) }
    }
}
