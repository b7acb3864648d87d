// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The rate of the host's time stamp counter.
enum HostClock {
    /// Kilohertz by `/proc/cpuinfo`, which shows the counter's rate on hosts without frequency scaling; `nil` if unknown.
    static func kilohertz(processorInformation: String? = nil) -> Int? {
        let text: String
        if let processorInformation {
            text = processorInformation
        } else if let data = FileManager.default.contents(atPath: "/proc/cpuinfo") {
            text = String(decoding: data, as: UTF8.self)
        } else {
            return nil
        }
        for line in text.split(separator: "\n") where line.hasPrefix("cpu MHz") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let number = line[line.index(after: colon)...].filter { $0 == "." || $0.isNumber }
            guard let megahertz = Double(number), megahertz > 0 else { continue }
            return Int(megahertz * 1000)
        }
        return nil
    }
}
