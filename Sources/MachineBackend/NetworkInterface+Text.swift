// SPDX-License-Identifier: Apache-2.0

import LaunchProtocol

extension NetworkInterface {
    /// The hardware address as `02:42:ac:11:00:02`.
    var hardwareAddressText: String {
        hardwareAddress.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
    }
}
