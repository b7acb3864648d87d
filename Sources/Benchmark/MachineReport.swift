// SPDX-License-Identifier: Apache-2.0

public import APIModel

/// What a daemon's report says about its VMs.
public struct MachineReport: Sendable {
    /// `kvm`, `tcg`, or `none`.
    public let accelerator: String
    /// Why.
    public let reason: String

    /// Reads the answer to `GET /tandem/report`.
    public init(_ report: JSONValue) {
        let machine = report["backends"].array?.first { $0["kind"].string == "vm" } ?? .null
        let check = machine["checks"].array?.first { $0["name"].string == "accelerator" } ?? .null
        let detail = check["detail"].string ?? ""
        accelerator = machine["accelerator"].string ?? "none"
        reason = detail.hasPrefix("\(accelerator): ") ? String(detail.dropFirst(accelerator.count + 2)) : detail
    }
}
