// SPDX-License-Identifier: Apache-2.0

public import APIModel
public import TandemModel

/// What a daemon's report says about its VMs.
public struct MachineReport: Sendable {
    /// `kvm`, `tcg`, or `none`.
    public let accelerator: String
    /// Why.
    public let reason: String
    /// libvirt's and QEMU's versions; `nil` where libvirt cannot be used.
    public let hypervisor: String?

    /// Reads the answer to `GET /tandem/report`.
    public init(_ report: JSONValue) {
        let machine = report["backends"].array?.first { $0["kind"].string == "vm" } ?? .null
        func check(_ name: String) -> JSONValue {
            machine["checks"].array?.first { $0["name"].string == name } ?? .null
        }
        let libvirt = check("libvirt")
        let isThere = libvirt["outcome"].string == "ok"
        // Without the address, in which the data root may stand.
        let versions = (libvirt["detail"].string ?? "").split(separator: ", ").filter { !$0.contains("://") }
        hypervisor = isThere ? versions.joined(separator: ", ") : nil
        let decision = check("accelerator")["detail"].string ?? ""
        accelerator = machine["accelerator"].string ?? "none"
        let known = "\(accelerator): "
        reason = decision.hasPrefix(known) ? String(decision.dropFirst(known.count)) : decision
    }

    /// Whether VMs can be run by it: emulation works wherever VMs do, KVM where the daemon has found it to.
    public func works(_ wanted: Accelerator) -> Bool {
        wanted == .tcg ? accelerator != "none" : accelerator == wanted.rawValue
    }
}
