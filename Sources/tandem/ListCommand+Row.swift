// SPDX-License-Identifier: Apache-2.0

import APIModel
import Glibc

extension ListCommand {
    /// What `ps` shows of one workload, in docker's words.
    struct Row {
        let fields: JSONValue
        let labels: [String: String]

        init(_ row: JSONValue, truncating: Bool) {
            let id = row["Id"].string ?? ""
            let created = row["Created"].integer ?? 0
            let kind = row["Runtime"].string ?? ""
            labels = row["Labels"].stringMap ?? [:]
            let mounts = row["Mounts"].array ?? []
            let names = (row["Names"].strings ?? []).map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
            let networks = (row["NetworkSettings"]["Networks"].object ?? [:]).keys.sorted()
            let mode = row["HostConfig"]["NetworkMode"].string ?? ""
            let sources = mounts.compactMap { $0["Name"].string ?? $0["Source"].string }
            fields = .map([
                "ID": truncating ? String(id.prefix(12)) : id, "Image": Self.image(row, truncating: truncating),
                "Command": Self.quoted(Self.cut(row["Command"].string ?? "", truncating ? 20 : .max)),
                "CreatedAt": Self.date(created), "RunningFor": Age.ago(created), "Status": row["Status"].string ?? "",
                "State": row["State"].string ?? "", "Kind": kind, "Runtime": kind,
                "Names": names.joined(separator: ","), "Ports": Self.ports(row["Ports"].array ?? []),
                "Labels": labels.map { "\($0)=\($1)" }.sorted().joined(separator: ","),
                "Mounts": sources.map { Self.cut($0, truncating ? 15 : .max) }.joined(separator: ","),
                "LocalVolumes": String(mounts.count { $0["Driver"].string == "local" }),
                "Networks": networks.isEmpty ? mode : networks.joined(separator: ","), "Size": Self.size(row),
            ])
        }

        subscript(name: String) -> String { fields[name].string ?? "" }

        /// A name that is the image's id is cut as one.
        private static func image(_ row: JSONValue, truncating: Bool) -> String {
            let name = row["Image"].string ?? ""
            guard !name.isEmpty else { return "<no image>" }
            guard truncating else { return name }
            if name == row["ImageID"].string, name.hasPrefix("sha256:") { return String(name.dropFirst(7).prefix(12)) }
            return String(name.prefix { $0 != "@" })
        }

        private static func cut(_ text: String, _ length: Int) -> String {
            text.count > length ? text.prefix(length - 1) + "…" : text
        }

        /// Go's `strconv.Quote`.
        private static func quoted(_ text: String) -> String {
            var result = ""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\"", "\\": result += "\\\(scalar)"
                case "\n": result += "\\n"
                case "\t": result += "\\t"
                case "\r": result += "\\r"
                case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                    result += "\\x\(scalar.value < 16 ? "0" : "")\(String(scalar.value, radix: 16))"
                default: result.unicodeScalars.append(scalar)
                }
            }
            return "\"\(result)\""
        }

        /// As Go prints a time.
        static func date(_ seconds: Int64) -> String {
            var time = time_t(seconds)
            var parts = tm()
            localtime_r(&time, &parts)
            var text = [CChar](repeating: 0, count: 64)
            let count = strftime(&text, text.count, "%Y-%m-%d %H:%M:%S %z %Z", &parts)
            return String(decoding: text[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }

        private static func ports(_ ports: [JSONValue]) -> String {
            let texts = ports.map { port in
                let inner = "\(port["PrivatePort"].integer ?? 0)/\(port["Type"].string ?? "tcp")"
                guard let outer = port["PublicPort"].integer, outer > 0 else { return inner }
                let address = port["IP"].string ?? ""
                return "\(address.contains(":") ? "[\(address)]" : address):\(outer)->\(inner)"
            }
            return texts.joined(separator: ", ")
        }

        private static func size(_ row: JSONValue) -> String {
            let own = Size.decimal(row["SizeRw"].integer ?? 0)
            guard let whole = row["SizeRootFs"].integer, whole > 0 else { return own }
            return "\(own) (virtual \(Size.decimal(whole)))"
        }
    }
}
