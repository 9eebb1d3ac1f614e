// The socket of nftables and conntrack, and transactions over it.

package import Kernel

/// nftables and conntrack of the network namespace in which the socket was opened. May wait for
/// nftables' commit mutex: only for helpers (law 4).
package struct NetfilterSocket: ~Copyable, Sendable {
    package let socket: NetlinkSocket

    /// Opens a socket of the calling thread's network namespace.
    package init() throws(SystemCallFailure) { socket = try NetlinkSocket(.netfilter) }

    /// One transaction: all of the requests are done, or none is. ERESTART: nftables has changed
    /// since the generation.
    func commit(
        _ requests: [NetlinkMessage], _ effect: StaticString, since generation: UInt32? = nil
    ) throws(SystemCallFailure) {
        guard let last = requests.last else { return }
        let batch =
            [NetlinkMessage.batch(Netfilter.batchBegin, last.subject, generation)]
            + requests.dropLast()
            + [last.acknowledged, .batch(Netfilter.batchEnd, last.subject)]
        try socket.exchange(batch, effect: effect, isBatch: true)
    }
}

extension NetlinkMessage {
    /// The begin or the end of a transaction.
    fileprivate static func batch(
        _ type: UInt16, _ subject: String, _ generation: UInt32? = nil
    ) -> NetlinkMessage {
        var message = NetlinkMessage(
            "NFNL_MSG_BATCH", type, subject, [],
            Netfilter.head(Family.none, resource: Netfilter.tables))
        // NFNL_BATCH_GENID.
        if let generation { message.attributes { $0.put(1, network: generation) } }
        return message
    }
}
