// SPDX-License-Identifier: Apache-2.0

public import TandemModel

/// A guest as libvirt is asked to run it.
///
/// A pure value; `text` is libvirt's domain XML.
public struct DomainXML: Sendable, Hashable {
    /// A disk.
    public struct Disk: Sendable, Hashable {
        /// The file on the host.
        public var file: String
        /// The serial number by which the guest's agent finds it.
        public var serial: String
        /// Whether the guest may only read it.
        public var readOnly: Bool

        /// How its content lies in the file.
        public var format: StorageFormat
        /// How the host caches it.
        ///
        /// Its page cache already holds layers that several workloads share, and a writable disk need not survive a crash of
        /// the host before the guest has synced.
        public var cache: StorageCache

        /// Describes a disk.
        public init(
            file: String, serial: String, readOnly: Bool, format: StorageFormat = .raw, cache: StorageCache = .writeback
        ) {
            self.file = file
            self.serial = serial
            self.readOnly = readOnly
            self.format = format
            self.cache = cache
        }
    }

    /// A folder of the host shared by virtiofs.
    public struct Share: Sendable, Hashable {
        /// The folder on the host.
        public var folder: String
        /// The tag by which the guest mounts it.
        public var tag: String

        /// Describes a share.
        public init(folder: String, tag: String) {
            self.folder = folder
            self.tag = tag
        }
    }

    /// Name of the domain.
    public var name: String
    /// UUID of the domain.
    public var uuid: String
    /// `kvm` or `tcg`.
    public var accelerator: Accelerator
    /// Guest memory in bytes.
    public var memory: UInt64
    /// Virtual processors.
    public var processors: Int
    /// Host memory nodes from which its memory comes, in the kernel's list format; empty means any.
    public var memoryNodes: String = ""
    /// Kernel image for direct boot.
    public var kernel: String
    /// Initial file system.
    public var initramfs: String
    /// The kernel's command line.
    public var commandLine: String
    /// UNIX socket of the agent's port on the host.
    public var agentSocket: String
    /// File that receives the kernel's messages.
    public var consoleFile: String
    /// Disks in order.
    public var disks: [Disk] = []
    /// Shared folders.
    public var shares: [Share] = []
    /// Network cards.
    public var interfaces: [Interface] = []
    /// The virtiofs daemon.
    public var shareProgram: String = "/usr/lib/qemu/virtiofsd"

    /// The name of the agent's virtio-serial port.
    public static let agentPort = "tandem.agent"

    /// libvirt's domain XML.
    public var text: String {
        var lines: [String] = []
        var slots = PCISlots()
        lines.append(
            "<domain type='\(accelerator.domainType)' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>")
        lines.append("  <name>\(Self.escape(name))</name>")
        lines.append("  <uuid>\(Self.escape(uuid))</uuid>")
        lines.append("  <memory unit='KiB'>\((memory + 1023) / 1024)</memory>")
        // virtiofs needs memory that its daemon can map.
        lines.append("  <memoryBacking>")
        lines.append("    <source type='memfd'/>")
        lines.append("    <access mode='shared'/>")
        lines.append("  </memoryBacking>")
        lines.append("  \(accelerator.processorCountElement(processors))")
        if !memoryNodes.isEmpty {
            lines.append("  <numatune>")
            lines.append("    <memory mode='strict' nodeset='\(Self.escape(memoryNodes))'/>")
            lines.append("  </numatune>")
        }
        lines.append("  <os>")
        // Machine `pc` answers the kernel's question for a device's interrupt line by a loop in ACPI code, once for each
        // device: hundreds of milliseconds under emulation. This one answers with a table.
        lines.append("    <type arch='x86_64' machine='q35'>hvm</type>")
        lines.append("    <kernel>\(Self.escape(kernel))</kernel>")
        lines.append("    <initrd>\(Self.escape(initramfs))</initrd>")
        lines.append("    <cmdline>\(Self.escape(commandLine))</cmdline>")
        lines.append("  </os>")
        lines.append("  <features>")
        lines.append("    <acpi/>")
        lines.append("  </features>")
        lines.append("  \(accelerator.processorElement)")
        lines.append("  <clock offset='utc'/>")
        // A guest that ends, crashes or reboots is over: the workload in it is.
        lines.append("  <on_poweroff>destroy</on_poweroff>")
        lines.append("  <on_reboot>destroy</on_reboot>")
        lines.append("  <on_crash>destroy</on_crash>")
        lines.append("  <devices>")
        lines.append("    <emulator>/usr/bin/qemu-system-x86_64</emulator>")
        lines.append("    <controller type='usb' model='none'/>")
        lines.append("    <controller type='virtio-serial' index='0' ports='2'>")
        lines += slots.next()
        lines.append("    </controller>")
        for (index, disk) in disks.enumerated() { lines += Self.element(disk, index: index, address: slots.next()) }
        for share in shares { lines += element(share, address: slots.next()) }
        lines += networkElements(&slots)
        lines.append("    <serial type='file'>")
        lines.append("      <source path='\(Self.escape(consoleFile))'/>")
        lines.append("      <target port='0'/>")
        lines.append("    </serial>")
        lines.append("    <channel type='unix'>")
        lines.append("      <source mode='bind' path='\(Self.escape(agentSocket))'/>")
        lines.append("      <target type='virtio' name='\(Self.agentPort)'/>")
        lines.append("    </channel>")
        lines.append("    <memballoon model='none'/>")
        lines.append("  </devices>")
        // Else libvirt asks QEMU for each of 400 features of the processor, one by one, before the guest may run: longer
        // than the boot of a small kernel. Without this it reads them all at once.
        lines.append("  <qemu:capabilities>")
        lines.append("    <qemu:del capability='cpu-unavailable-features'/>")
        lines.append("  </qemu:capabilities>")
        lines.append("</domain>")
        return lines.joined(separator: "\n") + "\n"
    }

    private static func element(_ disk: Disk, index: Int, address: [String]) -> [String] {
        var lines = [
            "    <disk type='file' device='disk'>",
            "      <driver name='qemu' type='\(disk.format.rawValue)' cache='\(disk.cache.rawValue)' discard='unmap'/>",
            "      <source file='\(escape(disk.file))'/>",
            "      <target dev='\(deviceName(index))' bus='virtio'/>",
            "      <serial>\(escape(disk.serial))</serial>",
        ]
        if disk.readOnly { lines.append("      <readonly/>") }
        return lines + address + ["    </disk>"]
    }

    private func element(_ share: Share, address: [String]) -> [String] {
        [
            "    <filesystem type='mount' accessmode='passthrough'>",
            "      <driver type='virtiofs'/>",
            "      <binary path='\(Self.escape(shareProgram))' xattr='on'/>",
            "      <source dir='\(Self.escape(share.folder))'/>",
            "      <target dir='\(Self.escape(share.tag))'/>",
        ] + address + ["    </filesystem>"]
    }

    /// `vda`, `vdb`, …, `vdz`, `vdaa`.
    static func deviceName(_ index: Int) -> String {
        var letters = ""
        var rest = index
        repeat {
            letters = String(UnicodeScalar(UInt8(0x61 + rest % 26))) + letters
            rest = rest / 26 - 1
        } while rest >= 0
        return "vd" + letters
    }

    /// Text as it may stand in an element or in an attribute between single quotes.
    static func escape(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&apos;"
            case "\"": result += "&quot;"
            case "\n", "\t", "\r": result += "&#\(scalar.value);"
            // XML 1.0 has no way to write other control characters.
            case _ where scalar.value < 0x20: result += "\u{FFFD}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
