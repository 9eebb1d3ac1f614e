// Elements of the firewall's sets: added, removed, listed. Each element is a request of its own, so
// that a failure names its element, and any number fits into one transaction.

import Bytes
import Glibc
package import Kernel

let noEntry = ENOENT

extension NetfilterSocket {
    /// Adds all of the elements or none. EEXIST: an element with the key is there; the failure
    /// names it.
    package func add(
        _ elements: [FirewallElement], to table: FirewallTable
    ) throws(SystemCallFailure) {
        try commit(elements.map { table.addition(of: $0) }, "firewall.add")
    }

    /// All elements of a set, in any order; none if there is no such table or set.
    package func elements(
        of set: FirewallSet, in table: FirewallTable
    ) throws(SystemCallFailure) -> [ListedElement] {
        let message = NetlinkMessage.firewall(.getElement, "\(table.name) \(set.rawValue)") {
            $0.put(ElementAttribute.table, text: table.name)
            $0.put(ElementAttribute.set, text: set.rawValue)
        }
        do { return ListedElement.parse(try socket.dump(message), of: set) } catch {
            if error.errno == noEntry { return [] }
            throw error
        }
    }
}

extension ListedElement {
    /// The elements in the replies to a dump of a set.
    package static func parse(_ replies: [NetlinkReply], of set: FirewallSet) -> [ListedElement] {
        let raw = replies.filter { $0.type == FirewallRequest.newElement.type }.flatMap { reply in
            // nfgenmsg has four bytes.
            Attributes(reply.body.dropFirst(4)).nested(ElementAttribute.elements)
                .compactMap { RawElement(Attributes($0.value)) }
        }
        return list(raw, in: set)
    }
}

extension FirewallTable {
    /// Fails with EEXIST if the key is there, also if the data is the same.
    func addition(of element: FirewallElement) -> NetlinkMessage {
        request(
            .newElement, element.content.set, "\(element.content)", [.create, .exclusive],
            element.content.raw(comment: element.comment))
    }

    func removal(of element: RawElement, from set: FirewallSet) -> NetlinkMessage {
        request(.deleteElement, set, "element", [], [element])
    }

    private func request(
        _ request: FirewallRequest, _ set: FirewallSet, _ what: String,
        _ flags: NetlinkMessage.Flags, _ elements: [RawElement]
    ) -> NetlinkMessage {
        .firewall(request, "\(name) \(set.rawValue) \(what)", flags) {
            $0.put(ElementAttribute.table, text: name)
            $0.put(ElementAttribute.set, text: set.rawValue)
            $0.nest(ElementAttribute.elements) {
                for element in elements {
                    element.write(to: &$0, isRemoval: request == .deleteElement)
                }
            }
        }
    }
}

extension FirewallContent: CustomStringConvertible {
    /// For people: the key.
    package var description: String {
        switch self {
        case .port(let port):
            "\(port.transport) port \(port.hostPort)"
                + (port.hostAddress.map { " of \($0)" } ?? "")
        case .bridge(let name), .isolated(let name), .sameBridge(let name): name.text
        case .subnet(let prefix), .hairpin(let prefix), .masquerade(let prefix): "\(prefix)"
        }
    }
}
