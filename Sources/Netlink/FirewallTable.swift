// The firewall's table as a whole: made, written again, removed, looked for.

package import Kernel

/// A table of nftables' family inet. Other tables are never touched.
package struct FirewallTable: Hashable, Sendable {
    package let name: String

    /// `nil` unless the name has 1 to 32 ASCII letters, digits and `_`, and begins with a letter.
    package init?(_ name: String) {
        let letters = name.utf8.map { $0 | 0x20 }
        guard 1...32 ~= letters.count, (0x61...0x7a).contains(letters[0]),
            name.utf8.allSatisfy({ byte in
                0x61...0x7a ~= byte | 0x20 || 0x30...0x39 ~= byte || byte == UInt8(ascii: "_")
            })
        else { return nil }
        self.name = name
    }
}

extension NetfilterSocket {
    /// Makes the table, if there is none, and writes its rules. The elements of its sets stay.
    /// EEXIST: a set or a chain has another type.
    package func ensure(_ table: FirewallTable) throws(SystemCallFailure) {
        try commit([table.creation] + table.content, "firewall.table")
    }

    package func exists(_ table: FirewallTable) throws(SystemCallFailure) -> Bool {
        let message = NetlinkMessage.firewall(.getTable, table.name) {
            $0.put(SetAttribute.table, text: table.name)
        }
        do { try socket.exchange([message], effect: nil) } catch {
            if error.errno == noEntry { return false }
            throw error
        }
        return true
    }
}

extension FirewallTable {
    fileprivate var creation: NetlinkMessage {
        .firewall(.newTable, name, .create) { $0.put(SetAttribute.table, text: name) }
    }

    var deletion: NetlinkMessage {
        .firewall(.deleteTable, name) { $0.put(SetAttribute.table, text: name) }
    }

    /// The sets, the chains without any rules, and the rules.
    fileprivate var content: [NetlinkMessage] {
        let sets = FirewallSet.allCases.enumerated().map {
            NetlinkMessage.set($0.element, in: self, id: $0.offset + 1)
        }
        return sets
            + FirewallChain.all.flatMap { chain in
                [creation(of: chain), flush(of: chain)] + chain.rules.map { rule($0, in: chain) }
            }
    }

    private func creation(of chain: FirewallChain) -> NetlinkMessage {
        .firewall(.newChain, "\(name) \(chain.name)", .create) {
            $0.put(ChainAttribute.table, text: name)
            $0.put(ChainAttribute.name, text: chain.name)
            $0.nest(ChainAttribute.hook) {
                $0.put(ChainAttribute.hookNumber, network: chain.hook)
                $0.put(
                    ChainAttribute.hookPriority, network: UInt32(bitPattern: chain.priority))
            }
            // NF_ACCEPT.
            $0.put(ChainAttribute.policy, network: 1)
            $0.put(ChainAttribute.type, text: chain.type)
        }
    }

    /// Removes all rules of a chain.
    private func flush(of chain: FirewallChain) -> NetlinkMessage {
        .firewall(.deleteRule, "\(name) \(chain.name)") {
            $0.put(ChainAttribute.table, text: name)
            $0.put(ChainAttribute.ruleChain, text: chain.name)
        }
    }

    private func rule(_ expressions: [Expression], in chain: FirewallChain) -> NetlinkMessage {
        .firewall(.newRule, "\(name) \(chain.name)", [.create, .append]) {
            $0.put(ChainAttribute.table, text: name)
            $0.put(ChainAttribute.ruleChain, text: chain.name)
            $0.nest(ChainAttribute.expressions) {
                for expression in expressions { $0.put(expression) }
            }
        }
    }
}

extension AttributeWriter {
    fileprivate mutating func put(_ expression: Expression) {
        nest(ElementAttribute.listed) {
            $0.put(ChainAttribute.expressionName, text: expression.name)
            $0.nest(ChainAttribute.expressionData) { expression.write(&$0) }
        }
    }
}
