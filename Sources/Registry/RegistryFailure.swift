// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// What a registry refused, or why it could not be asked.
public struct RegistryFailure: Error, Sendable, CustomStringConvertible {
    /// The class of a failure.
    public enum Reason: Sendable, Hashable {
        /// The connection could not be made.
        case unreachable
        /// The connection broke, or nothing came for too long.
        case broken
        /// The other side does not speak TLS, or its certificate is not trusted.
        case insecure
        /// The registry answered with this status.
        case refused(status: Int)
        /// No or wrong credentials.
        case unauthorized
        /// What came is not what it should be.
        case corrupt
        /// The caller does not want it any more.
        case cancelled
    }

    /// The class.
    public let reason: Reason
    /// The registry's code, for example `MANIFEST_UNKNOWN`; empty if it gave none.
    public let code: String
    /// A sentence without a full stop.
    public let message: String
    /// What to do about it.
    public var hint: String?
    /// How long the registry wants to be left alone.
    public var pause: Duration?

    /// Describes a failure.
    public init(_ reason: Reason, _ message: String, code: String = "", hint: String? = nil) {
        self.reason = reason
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// Whether another try may succeed.
    public var isTransient: Bool {
        switch reason {
        case .broken: true
        case .refused(let status): status == 429 || status == 408 || status >= 500
        default: false
        }
    }

    /// The message.
    public var description: String { message }

    /// Reads the errors of a response (OCI distribution specification, error codes), in the words of Docker's client.
    static func response(_ status: Int, _ body: [UInt8], to request: String) -> RegistryFailure {
        struct Document: Decodable {
            struct Entry: Decodable {
                var code: String?
                var message: String?
            }
            var errors: [Entry]?
            // Token servers speak differently.
            var details: String?
        }
        // A body that is no such document says nothing that could be shown.
        let document = try? JSONDecoder().decode(Document.self, from: Data(body))
        let entries = (document?.errors ?? []).filter { $0.code != nil }
        if let first = entries.first, let code = first.code {
            let words = clean(code.lowercased().split(separator: "_").joined(separator: " "))
            let text = clean(first.message ?? "")
            return RegistryFailure(
                status == 401 ? .unauthorized : .refused(status: status), text.isEmpty ? words : "\(words): \(text)",
                code: code)
        }
        if status == 401 {
            return RegistryFailure(.unauthorized, "unauthorized: authentication required", code: "UNAUTHORIZED")
        }
        let detail = clean(document?.details ?? "")
        return RegistryFailure(
            .refused(status: status),
            "\(request): unexpected status code \(status)" + (detail.isEmpty ? "" : ": \(detail)"))
    }

    /// What a registry says is shown on terminals: one short line without control characters.
    static func clean(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.prefix(300).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 })
        )
    }
}
