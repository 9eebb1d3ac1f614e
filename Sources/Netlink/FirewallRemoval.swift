// Removals that depend on what was seen before. The kernel refuses a transaction if anything of
// nftables has changed since (NFNL_BATCH_GENID); then the look is repeated. So an element that was
// replaced meanwhile, for example by a port's next owner, is never removed in its place.

import Bytes
import Glibc
package import Kernel

extension NetfilterSocket {
    /// Removes the elements with this comment. A table that does not exist has none.
    package func remove(_ comment: String, from table: FirewallTable) throws(SystemCallFailure) {
        try remove(from: table) { () throws(SystemCallFailure) in
            var meant: [ListedElement] = []
            for set in FirewallSet.allCases {
                meant += try elements(of: set, in: table).filter {
                    $0.comment?.isSame(as: comment) ?? false
                }
            }
            return meant
        }
    }

    /// Removes the elements that `look` finds, and returns them. `look` is called again if anything
    /// of nftables has changed since.
    @discardableResult
    package func remove(
        from table: FirewallTable, _ look: () throws(SystemCallFailure) -> [ListedElement]
    ) throws(SystemCallFailure) -> [ListedElement] {
        while true {
            let generation = try generation()
            let meant = try look()
            if meant.isEmpty { return [] }
            let requests = meant.flatMap { element in
                element.raw.map { table.removal(of: $0, from: element.set) }
            }
            if try didCommit(requests, "firewall.remove", generation) { return meant }
        }
    }

    /// Removes the table if none of its sets has an element.
    package func removeUnused(_ table: FirewallTable) throws(SystemCallFailure) {
        while true {
            let generation = try generation()
            for set in FirewallSet.allCases {
                if try !elements(of: set, in: table).isEmpty { return }
            }
            guard try exists(table) else { return }
            if try didCommit([table.deletion], "firewall.table", generation) { return }
        }
    }

    /// The number of nftables' last change, in the network namespace of the socket.
    private func generation() throws(SystemCallFailure) -> UInt32 {
        let message = NetlinkMessage.firewall(.getGeneration, "") { _ in }
        let replies = try socket.exchange([message], effect: nil)
        // nfgenmsg has four bytes.
        let numbers = replies.lazy.compactMap {
            Attributes($0.body.dropFirst(4))[1]?.network(UInt32.self)
        }
        guard let number = numbers.first else { throw message.failure(EBADMSG) }
        return number
    }

    /// `false` if something has changed since that generation (ERESTART), or an element is gone.
    private func didCommit(
        _ requests: [NetlinkMessage], _ failpoint: StaticString, _ generation: UInt32
    ) throws(SystemCallFailure) -> Bool {
        do throws(SystemCallFailure) {
            try commit(requests, failpoint, since: generation)
            return true
        } catch {
            guard error.errno == ERESTART || error.errno == noEntry else { throw error }
            return false
        }
    }
}
