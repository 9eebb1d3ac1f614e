// The result of an ADD (SPEC.md section 5, "ADD Success").

package import JSON
package import Kernel

/// What a plugin, or a whole chain, says that it has made.
package struct AddResult: Equatable, Sendable {
    /// The version of the document as it was read.
    package let version: CNIVersion
    /// The document, with all of its members.
    package let document: JSONValue
    package let interfaces: [ResultInterface]
    package let addresses: [ResultAddress]
    package let routes: [ResultRoute]
    package let dns: ResultDNS
}

package struct ResultInterface: Equatable, Sendable {
    package let name: String
    package let mac: String?
    package let mtu: Int64?
    /// A reference to the namespace that has the interface; `nil` for the host's.
    package let sandbox: String?
}

package struct ResultAddress: Equatable, Sendable {
    package let prefix: IPPrefix
    package let gateway: IPAddress?
    /// An index into the result's interfaces.
    package let interface: Int?
}

package struct ResultRoute: Equatable, Sendable {
    package let destination: IPPrefix
    package let gateway: IPAddress?
    /// Members of CNI 1.1.0; `nil` if the result does not have them.
    package let mtu: Int64?
    package let advertisedMSS: Int64?
    package let priority: Int64?
    package let table: Int64?
    package let scope: Int64?
}

package struct ResultDNS: Equatable, Sendable {
    package var nameservers: [String] = []
    package var domain: String?
    package var searches: [String] = []
    package var options: [String] = []

    package init() {}
}

/// The facts of a result that a pod shows.
package struct AttachedInterface: Equatable, Sendable {
    package let name: String
    package let mac: String?
    /// The interface's other end on the host; `nil` if there is none, as with macvlan.
    package let hostInterface: String?
    package let addresses: [IPPrefix]
    /// The gateways of the addresses, each once.
    package let gateways: [IPAddress]
    package let dns: ResultDNS

    package var gateway: IPAddress? { gateways.first }
}

extension AddResult {
    /// What the result says about the pod's interface `name`.
    ///
    /// The plugins list the other end of a veth before the pod's end, and the bridge before both.
    /// Calico lists only the host's end, and its addresses have no interface: they are the pod's.
    package func attached(_ name: String) -> AttachedInterface {
        let place = interfaces.firstIndex {
            $0.sandbox != nil && $0.name.utf8.elementsEqual(name.utf8)
        }
        let before = interfaces[..<(place ?? interfaces.endIndex)]
        let host = before.last { $0.sandbox == nil } ?? interfaces.last { $0.sandbox == nil }
        let own = addresses.filter { $0.interface == nil || $0.interface == place }
        return AttachedInterface(
            name: name, mac: place.flatMap { interfaces[$0].mac }, hostInterface: host?.name,
            addresses: own.map(\.prefix),
            gateways: own.compactMap(\.gateway).reduce(into: []) {
                if !$0.contains($1) { $0.append($1) }
            }, dns: dns)
    }
}
