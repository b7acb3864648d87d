// SPDX-License-Identifier: Apache-2.0

import CLibnftables
import Glibc
import TandemModel

/// The one table of nftables that belongs to this daemon.
///
/// Not for two threads at once.
final class Firewall {
    private let table: String
    private var context: OpaquePointer?
    private var applied: FirewallRules?

    init(table: String) { self.table = table }

    deinit { if let context { nft_ctx_free(context) } }

    /// Whether there are rules of this daemon's.
    var hasRules: Bool { applied.map { !$0.isEmpty } ?? false }

    /// Replaces all rules in one transaction, unless they are the same already.
    ///
    /// Blocks.
    func apply(_ rules: FirewallRules) throws(EngineError) {
        guard rules != applied else { return }
        if context == nil {
            context = nft_ctx_new(UInt32(NFT_CTX_DEFAULT))
            if let context {
                nft_ctx_buffer_error(context)
                nft_ctx_buffer_output(context)
            }
        }
        guard let context else {
            throw EngineError(.resourceExhausted, "there is no memory for the firewall's rules")
        }
        guard nft_run_cmd_from_buffer(context, rules.text(table: table)) == 0 else {
            let said = nft_ctx_get_error_buffer(context).map { String(cString: $0) } ?? ""
            throw EngineError(
                .internal,
                "the firewall's rules cannot be set: \(said.split(separator: "\n").first.map(String.init) ?? "no reason")",
                hint: "The kernel needs nf_tables with NAT: CONFIG_NF_TABLES_INET and CONFIG_NFT_NAT.")
        }
        applied = rules
    }
}
