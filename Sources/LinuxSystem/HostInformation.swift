// SPDX-License-Identifier: Apache-2.0

import CLinux
import FoundationEssentials
import Glibc
import SystemPackage

/// Facts about the host that do not change while we run.
public enum HostInformation {
    /// The kernel's release, as `uname -r`.
    public static let kernelRelease = system { withUnsafeBytes(of: $0.release) { Self.text($0) } }
    /// The machine's architecture, as `uname -m`.
    public static let machine = system { withUnsafeBytes(of: $0.machine) { Self.text($0) } }
    /// The host's name when we began.
    public static let hostname = system { withUnsafeBytes(of: $0.nodename) { Self.text($0) } }

    /// The kernel's version.
    public static let kernelVersion: (major: Int, minor: Int) = {
        let parts = kernelRelease.split(whereSeparator: { !$0.isNumber }).prefix(2).map { Int($0) ?? 0 }
        return (parts.first ?? 0, parts.dropFirst().first ?? 0)
    }()

    /// Processors online.
    public static let processors = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// Memory nodes online, in the kernel's list format.
    public static let memoryNodes: String = {
        // A kernel without NUMA has one node.
        let text = (try? String(contentsOfFile: "/sys/devices/system/node/online", encoding: .utf8)) ?? "0"
        return text.filter { !$0.isWhitespace }
    }()

    /// Memory in bytes.
    public static let memory =
        UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(max(0, sysconf(Int32(_SC_PAGESIZE))))

    /// The distribution's name, from os-release(5).
    public static let operatingSystem = release("PRETTY_NAME") ?? "Linux"
    /// The distribution's version, from os-release(5); empty where it has none.
    public static let operatingSystemVersion = release("VERSION_ID") ?? ""

    private static func release(_ name: String) -> String? {
        let text = (try? String(contentsOfFile: "/etc/os-release", encoding: .utf8)) ?? ""  // a host may lack it
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(name)=") }
        return line.map { String($0.dropFirst(name.count + 1)).filter { $0 != "\"" } }
    }

    /// The file systems that the kernel knows by now.
    public static var fileSystems: Set<String> {
        // Without /proc nothing is known.
        let text = KernelFile.text("/proc/filesystems") ?? ""
        return Set(text.split(separator: "\n").compactMap { $0.split(separator: "\t").last.map(String.init) })
    }

    private static func system(_ read: (utsname) -> String) -> String {
        var name = utsname()
        uname(&name)
        return read(name)
    }

    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
