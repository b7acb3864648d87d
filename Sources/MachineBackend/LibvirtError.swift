// SPDX-License-Identifier: Apache-2.0

import CLibvirt

/// What libvirt reported about one call.
public struct LibvirtError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The call that failed, for example `virDomainCreateXML`.
    public let operation: String
    /// libvirt's error code (`VIR_ERR_…`).
    public let code: Int32
    /// The part of libvirt that reported it (`VIR_FROM_…`).
    public let domain: Int32
    /// libvirt's own words.
    public let text: String

    /// The last error of the calling thread.
    static func last(_ operation: String) -> LibvirtError {
        guard let error = virGetLastError() else {
            return LibvirtError(operation: operation, code: 0, domain: 0, text: "no reason given")
        }
        let text = error.pointee.message.map { String(cString: $0) } ?? "no reason given"
        let found = LibvirtError(
            operation: operation, code: error.pointee.code, domain: error.pointee.domain, text: text)
        virResetLastError()
        return found
    }

    /// Whether the domain does not exist (any more).
    public var isMissingDomain: Bool { code == Int32(VIR_ERR_NO_DOMAIN.rawValue) }
    /// Whether the domain's state forbids the call: it has ended meanwhile.
    public var isInvalidState: Bool { code == Int32(VIR_ERR_OPERATION_INVALID.rawValue) }

    /// Operation and text.
    public var description: String { "\(operation): \(text)" }
}
