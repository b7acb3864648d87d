// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol
import TandemModel

extension Phase {
    /// Reads the payload of `Frame.Kind.phase`.
    init?(decoding payload: Bytes) {
        var reader = ByteReader(payload)
        // A phase that cannot be read is left out of the trace.
        guard let raw = try? reader.number(UInt8.self), let code = PhaseCode(rawValue: raw),
            let start = try? reader.number(UInt64.self), let end = try? reader.number(UInt64.self)
        else { return nil }
        self.init(PhaseName(code), start: start, end: end)
    }
}

extension PhaseName {
    init(_ code: PhaseCode) {
        switch code {
        case .kernel: self = .kernel
        case .agent: self = .agent
        case .storage: self = .rootfs
        case .namespaces: self = .namespaces
        case .exec: self = .exec
        case .firstByte: self = .firstByte
        case .run: self = .run
        case .monitor: self = .monitor
        }
    }
}
