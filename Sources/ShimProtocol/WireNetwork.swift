// The documents of the network helper: a network to make, and what to remove of pods.

/// A bridge with its entries in the firewall, and the interfaces of the pods that are its ports.
package struct WireNetwork: Equatable, Sendable {
    package var bridge: String
    /// The alias of the bridge: our mark with the network's uid.
    package var mark: String
    /// In bytes; 0 for the kernel's default.
    package var mtu: UInt32
    /// The addresses of the bridge, one for each subnet.
    package var gateways: [WireAddress]
    package var masquerades: Bool
    package var isIsolated: Bool
    /// The table of the firewall.
    package var table: String
    /// The interfaces whose parts are completed if they exist.
    package var interfaces: [WireInterface]

    package init(
        bridge: String, mark: String, mtu: UInt32, gateways: [WireAddress], masquerades: Bool,
        isIsolated: Bool, table: String, interfaces: [WireInterface]
    ) {
        self.bridge = bridge
        self.mark = mark
        self.mtu = mtu
        self.gateways = gateways
        self.masquerades = masquerades
        self.isIsolated = isIsolated
        self.table = table
        self.interfaces = interfaces
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(WireNetwork.version)
        writer.put(bridge)
        writer.put(mark)
        writer.put(mtu)
        writer.put(list: gateways) { writer, address in writer.put(address) }
        writer.put(flag: masquerades)
        writer.put(flag: isIsolated)
        writer.put(table)
        writer.put(list: interfaces) { writer, interface in writer.put(interface) }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WireNetwork {
        var reader = try WireReader(document, version: version)
        let network = WireNetwork(
            bridge: try reader.text(), mark: try reader.text(), mtu: try reader.number(),
            gateways: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.address()
            },
            masquerades: try reader.flag(), isIsolated: try reader.flag(),
            table: try reader.text(),
            interfaces: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.interface()
            })
        try reader.end()
        return network
    }
}

/// What to remove of one pod.
package struct WireDetachment: Equatable, Sendable {
    package var uid: String
    package var hostInterface: String
    /// The alias of the interface, and the comment of the ports.
    package var mark: String
    /// 4 or 16 bytes each.
    package var addresses: [[UInt8]]
    /// The host ports that lead to the addresses.
    package var ports: [WirePort]
    /// A bridge to remove, too, of a pod without a record, whose addresses and ports are unknown.
    /// The helper then looks for all that has the mark. Empty for a pod with a record.
    package var bridge: String

    package init(
        uid: String, hostInterface: String, mark: String, addresses: [[UInt8]], ports: [WirePort],
        bridge: String
    ) {
        self.uid = uid
        self.hostInterface = hostInterface
        self.mark = mark
        self.addresses = addresses
        self.ports = ports
        self.bridge = bridge
    }

    /// The version of the document's form.
    private static let version: UInt16 = 2

    package static func document(_ detachments: [WireDetachment]) -> [UInt8] {
        var writer = WireWriter()
        writer.put(version)
        writer.put(list: detachments) { writer, detachment in
            writer.put(detachment.uid)
            writer.put(detachment.hostInterface)
            writer.put(detachment.mark)
            writer.put(list: detachment.addresses) { writer, address in
                writer.put(bytes: address)
            }
            writer.put(list: detachment.ports) { writer, port in writer.put(port) }
            writer.put(detachment.bridge)
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> [WireDetachment] {
        var reader = try WireReader(document, version: version)
        let detachments = try reader.list { (reader: inout WireReader) throws(WireFault) in
            WireDetachment(
                uid: try reader.text(), hostInterface: try reader.text(),
                mark: try reader.text(),
                addresses: try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try reader.bytes()
                },
                ports: try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try reader.port()
                },
                bridge: try reader.text())
        }
        try reader.end()
        return detachments
    }
}
