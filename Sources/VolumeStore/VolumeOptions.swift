// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import LinuxSystem
import SystemPackage
import TandemModel

/// The options of the driver `local`: what is mounted on a volume's folder while it is in use.
///
/// As dockerd's, it goes by way of mount(2) alone: there are no helpers of mount(8), so `device` is what the kernel
/// takes.
struct VolumeOptions: Sendable, Hashable {
    let type: String
    let device: String
    let options: MountOptions

    /// Reads the options of a volume; `nil` for a plain folder.
    ///
    /// - Throws: `.invalidArgument` in Docker's words for those that do not exist or do not go together.
    init?(_ values: [String: String]) throws(EngineError) {
        for name in values.keys.sorted() where !["type", "o", "device", "size"].contains(name) {
            throw EngineError(
                .invalidArgument, "invalid option: \"\(name)\"", hint: "The driver local knows type, device and o.")
        }
        guard values["size"] == nil else {
            throw EngineError(
                .unsupported, "quota size requested but no quota support",
                hint: "For a volume of limited size use type=tmpfs, device=tmpfs and o=size=….")
        }
        guard !values.isEmpty else { return nil }
        for (name, needed) in [("device", ["type"]), ("o", ["device", "type"]), ("type", ["device"])]
        where values[name] != nil {
            for other in needed where values[other] == nil {
                throw EngineError(
                    .invalidArgument, "missing required option: \"\(other)\"",
                    hint: "The options type and device go together, for example type=tmpfs and device=tmpfs.")
            }
        }
        type = values["type"] ?? ""
        device = values["device"] ?? ""
        options = MountOptions(values["o"] ?? "")
    }

    /// Mounts it.
    ///
    /// Blocks.
    func mount(on folder: FilePath) throws(EngineError) {
        do throws(EngineError) {
            try MountPoint.mount(device, on: folder, type: type, options: try resolved())
        } catch {
            throw EngineError(
                error.code, "failed to mount local volume: \(error.message)",
                hint: "Look at the volume's options with `tandem volume inspect`.")
        }
    }

    /// The kernel's network file systems take addresses, users give names.
    private func resolved() throws(EngineError) -> MountOptions {
        guard type.hasPrefix("nfs") || type == "cifs" else { return options }
        var result = options
        for (index, word) in options.data.enumerated() where word.hasPrefix("addr=") {
            let name = String(word.dropFirst(5))
            guard let address = Self.address(of: name) else {
                throw EngineError(.unavailable, "the host '\(name)' has no address")
            }
            result.data[index] = "addr=\(address)"
        }
        return result
    }

    private static func address(of name: String) -> String? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, &hints, &list) == 0, let found = list else { return nil }
        defer { freeaddrinfo(list) }
        var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
        let result = getnameinfo(
            found.pointee.ai_addr, found.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
        guard result == 0 else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
