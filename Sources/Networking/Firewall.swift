// SPDX-License-Identifier: Apache-2.0

import CLibnftables
import Glibc
import TandemModel

/// The one table of nftables that belongs to this daemon, and its word to a table that would drop its packets.
///
/// Not for two threads at once.
final class Firewall {
    private let table: String
    private var context: OpaquePointer?
    private var applied: FirewallRules?
    /// Whether the kernel may have other rules than those: an attempt that failed may have come half way.
    private var isUncertain = false

    init(table: String) { self.table = table }

    deinit { if let context { nft_ctx_free(context) } }

    /// Whether there are rules of this daemon's.
    var hasRules: Bool { isUncertain || applied.map { !$0.isEmpty } ?? false }

    /// Replaces all rules in one transaction, unless they are the same already.
    ///
    /// Blocks.
    func apply(_ rules: FirewallRules) throws(EngineError) {
        guard rules != applied || isUncertain else { return }
        let isRepeated = isUncertain
        isUncertain = true
        try run(rules.text(table: table))
        let links = rules.bridges.map(\.link)
        if isRepeated || applied?.bridges.map(\.link) != links { try passThroughDocker(links) }
        (applied, isUncertain) = (rules, false)
    }

    // MARK: Docker

    /// dockerd lets the chain `FORWARD` of iptables drop everything that it does not know.
    ///
    /// A packet goes through all tables, so it has to be told in that one as well that ours may pass. What they may not,
    /// our own table says. The rules are of the form that iptables itself would write, and known by their comment.
    private func passThroughDocker(_ links: [String]) throws(EngineError) {
        guard let forward = list("chain ip filter FORWARD") else { return }
        let user = list("chain ip filter DOCKER-USER")
        var commands: [String] = []
        for (name, text) in [("FORWARD", forward), ("DOCKER-USER", user ?? "")] {
            for line in text.split(separator: "\n") where line.contains("comment \"\(table)\"") {
                guard let handle = line.split(separator: " ").last, Int(handle) != nil else { continue }
                commands.append("delete rule ip filter \(name) handle \(handle)")
            }
        }
        if forward.contains("policy drop") {
            for link in links {
                for direction in ["iifname", "oifname"] {
                    commands.append(
                        "insert rule ip filter \(user == nil ? "FORWARD" : "DOCKER-USER") "
                            + "\(direction) \"\(link)\" counter accept comment \"\(table)\"")
                }
            }
        }
        guard !commands.isEmpty else { return }
        try run(commands.joined(separator: "\n") + "\n")
    }

    /// What a chain has, with handles; `nil` if there is none.
    private func list(_ object: String) -> String? {
        guard let context = try? opened() else { return nil }  // `run` has opened it
        nft_ctx_output_set_flags(context, UInt32(NFT_CTX_OUTPUT_HANDLE))
        defer { nft_ctx_output_set_flags(context, 0) }
        guard nft_run_cmd_from_buffer(context, "list \(object)") == 0 else {
            _ = nft_ctx_get_error_buffer(context)
            return nil
        }
        return nft_ctx_get_output_buffer(context).map { String(cString: $0) }
    }

    // MARK: nftables

    private func opened() throws(EngineError) -> OpaquePointer {
        if let context { return context }
        guard let made = nft_ctx_new(UInt32(NFT_CTX_DEFAULT)) else {
            throw EngineError(.resourceExhausted, "there is no memory for the firewall's rules")
        }
        nft_ctx_buffer_error(made)
        nft_ctx_buffer_output(made)
        context = made
        return made
    }

    private func run(_ commands: String) throws(EngineError) {
        let context = try opened()
        guard nft_run_cmd_from_buffer(context, commands) == 0 else {
            let said = nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? ""
            let reason = said.split(separator: "\n").first.map(String.init) ?? "no reason"
            throw EngineError(
                .internal, "the firewall's rules cannot be set: \(reason)",
                hint: "The kernel needs nf_tables with NAT: CONFIG_NF_TABLES_INET and CONFIG_NFT_NAT.")
        }
    }
}
