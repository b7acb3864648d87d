// SPDX-License-Identifier: Apache-2.0

import APIModel
import Client
import FoundationEssentials

/// Where something was measured: only what was measured in the same one can be compared over time.
public struct BenchmarkEnvironment: Sendable, Hashable, Codable {
    /// The distribution.
    public var operatingSystem: String
    /// The kernel's release.
    public var kernel: String
    /// The processor's model.
    public var processor: String
    /// Processors.
    public var processors: Int
    /// Memory in bytes.
    public var memory: Int64
    /// Whether the host is a virtual machine itself.
    public var isVirtual: Bool
    /// `kvm` or `tcg`, or `none`.
    public var accelerator: String
    /// Why.
    public var acceleratorReason: String
    /// The guest kernel in use.
    public var guestKernel: String
    /// libvirt's and QEMU's versions, as `tandem doctor` shows them; `nil` if nobody tells.
    public var hypervisor: String?
    /// How and on what file system the engine keeps files; `nil` if nobody tells.
    public var storage: String?
    /// Control groups' version.
    public var cgroupVersion: String
    /// Tandem's version.
    public var version: String

    /// Describes an environment.
    public init(
        operatingSystem: String, kernel: String, processor: String, processors: Int, memory: Int64, isVirtual: Bool,
        accelerator: String, acceleratorReason: String, guestKernel: String, cgroupVersion: String, version: String
    ) {
        self.operatingSystem = operatingSystem
        self.kernel = kernel
        self.processor = processor
        self.processors = processors
        self.memory = memory
        self.isVirtual = isVirtual
        self.accelerator = accelerator
        self.acceleratorReason = acceleratorReason
        self.guestKernel = guestKernel
        self.cgroupVersion = cgroupVersion
        self.version = version
    }

    /// A hash of everything but versions and the words: FNV-1a in hexadecimal.
    public var fingerprint: String {
        let text = [
            operatingSystem, kernel, processor, "\(processors)", "\(memory >> 28)", accelerator, guestKernel,
            cgroupVersion,
        ].joined(separator: "\n")
        let hash = text.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }

    /// In a few words.
    var words: String { "\(processor), Linux \(kernel), \(accelerator), guest kernel \(guestKernel)" }

    /// Asks the daemon and the host.
    static func read(_ client: TandemClient) async throws(ClientError) -> BenchmarkEnvironment {
        let report = try await client.request("GET", "/tandem/report").json
        let information = try await client.request("GET", "/info").json
        let machine = MachineReport(report)
        // Without the file the fields stay empty.
        let processors = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let lines = processors.split(separator: "\n")
        let model = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? ""
        let flags = lines.first { $0.hasPrefix("flags") }?.split(separator: " ") ?? []
        // A host without machines has no kernels for them.
        let kernels = (try? await client.request("GET", "/tandem/kernels").json.array) ?? []
        let used = kernels.first { $0["used"].bool == true }
        var environment = BenchmarkEnvironment(
            operatingSystem: report["operatingSystem"].string ?? "", kernel: report["kernel"].string ?? "",
            processor: model.trimmingCharacters, processors: Int(report["processors"].integer ?? 0),
            memory: report["memory"].integer ?? 0, isVirtual: flags.contains("hypervisor"),
            accelerator: machine.accelerator, acceleratorReason: machine.reason,
            guestKernel: used.map { "\($0["name"].string ?? "") \($0["release"].string ?? "")" } ?? "",
            cgroupVersion: information["CgroupVersion"].string ?? "", version: report["version"].string ?? "")
        environment.hypervisor = machine.hypervisor
        let below = information["DriverStatus"].array?.first { $0.array?.first?.string == "Backing Filesystem" }
        environment.storage = information["Driver"].string.map { driver in
            driver + (below?.array?.last?.string.map { " on \($0)" } ?? "")
        }
        return environment
    }
}

extension Substring {
    fileprivate var trimmingCharacters: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
