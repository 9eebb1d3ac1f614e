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

    /// The elements that have the keys of these contents; none for a key that is not there. The
    /// contents are those of sets without intervals.
    package func elements(
        like contents: [FirewallContent], in table: FirewallTable
    ) throws(SystemCallFailure) -> [ListedElement] {
        var found: [ListedElement] = []
        for (set, contents) in Dictionary(grouping: contents, by: \.set) {
            var rest = contents[...]
            while !rest.isEmpty {
                let requests = rest.prefix(NetfilterSocket.mostLooks).flatMap { content in
                    content.raw(comment: nil).map { table.look(at: $0, in: set) }
                }
                rest = rest.dropFirst(NetfilterSocket.mostLooks)
                let replies = try socket.exchange(requests, effect: nil) { $1 == noEntry }
                found += ListedElement.parse(replies, of: set)
            }
        }
        return found
    }

    /// The kernel keeps the replies until they are read, each in a buffer of about 4 KiB, and has
    /// room for 208 KiB (rmem_default).
    private static let mostLooks = 16
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

    func look(at element: RawElement, in set: FirewallSet) -> NetlinkMessage {
        request(.getElement, set, "element", [], [element])
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
                    element.write(to: &$0, isKeyOnly: request != .newElement)
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
