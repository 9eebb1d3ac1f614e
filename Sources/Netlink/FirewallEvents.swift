// Tells when a table of the firewall is removed, for example by `nft flush ruleset`.

import CLinux
import Glibc
package import Kernel
package import Linux

/// A socket that gets a message for each change of nftables in the network namespace in which it
/// was opened (NFNLGRP_NFTABLES). Reading never waits.
package struct FirewallEvents: ~Copyable, Sendable {
    package let descriptor: OwnedDescriptor

    package init() throws(SystemCallFailure) {
        let socket = try NetlinkSocket(.netfilter)
        let joined = clinux_netlink_join(socket.descriptor.number, 7)
        try check(joined, "setsockopt", "NFNLGRP_NFTABLES")
        try socket.descriptor.setNonblocking()
        descriptor = socket.intoDescriptor()
    }

    /// Reads all messages. Returns whether the table was removed since the last call. If messages
    /// were lost, it may have been.
    package func sawRemoval(of table: FirewallTable) throws(SystemCallFailure) -> Bool {
        var isRemoved = false
        while true {
            let bytes: [UInt8]
            do throws(SystemCallFailure) {
                guard let read = try descriptor.read(limit: 65_536) else { return isRemoved }
                bytes = read
            } catch {
                guard error.errno == ENOBUFS else { throw error }
                isRemoved = true
                continue
            }
            if FirewallEvents.tellsRemoval(of: table, bytes[...]) { isRemoved = true }
        }
    }

    static func tellsRemoval(of table: FirewallTable, _ bytes: ArraySlice<UInt8>) -> Bool {
        (NetlinkReply.parse(bytes) ?? []).contains { reply in
            reply.type == FirewallRequest.deleteTable.type
                && Attributes(reply.body.dropFirst(4))[SetAttribute.table]?.text == table.name
        }
    }
}
