// The document from which a shim makes the interface of its pod.

/// A host port that leads to a port of the pod.
package struct WirePort: Equatable, Sendable {
    package let hostPort: UInt16
    package let containerPort: UInt16
    /// The number in IP headers (IANA): 6, 17 or 132.
    package let transport: UInt8
    /// 4 or 16 bytes in network order; empty for each address of the host.
    package let hostIP: [UInt8]

    package init(hostPort: UInt16, containerPort: UInt16, transport: UInt8, hostIP: [UInt8]) {
        self.hostPort = hostPort
        self.containerPort = containerPort
        self.transport = transport
        self.hostIP = hostIP
    }
}

/// An address, and the length of its network's prefix.
package struct WireAddress: Equatable, Sendable {
    /// 4 or 16 bytes in network order.
    package let bytes: [UInt8]
    package let length: UInt8

    package init(bytes: [UInt8], length: UInt8) {
        self.bytes = bytes
        self.length = length
    }
}

package struct WireInterface: Equatable, Sendable {
    /// The name of the interface, as a part of the pod.
    package static let part = "network"

    /// The name in the pod.
    package var name: String
    /// The name of the other end, in the host's network namespace.
    package var hostInterface: String
    /// Six bytes.
    package var mac: [UInt8]
    /// The alias of the other end, and the comment of the ports: our mark with the pod's uid.
    package var mark: String
    /// The bridge that the other end is a port of.
    package var bridge: String
    /// In bytes; 0 for the kernel's default.
    package var mtu: UInt32
    package var addresses: [WireAddress]
    /// 4 or 16 bytes each.
    package var gateways: [[UInt8]]
    /// The table of the firewall that contains the ports.
    package var table: String
    package var ports: [WirePort]

    package init(
        name: String, hostInterface: String, mac: [UInt8], mark: String, bridge: String,
        mtu: UInt32, addresses: [WireAddress], gateways: [[UInt8]], table: String,
        ports: [WirePort]
    ) {
        self.name = name
        self.hostInterface = hostInterface
        self.mac = mac
        self.mark = mark
        self.bridge = bridge
        self.mtu = mtu
        self.addresses = addresses
        self.gateways = gateways
        self.table = table
        self.ports = ports
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(WireInterface.version)
        writer.put(self)
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WireInterface {
        var reader = try WireReader(document, version: version)
        let interface = try reader.interface()
        try reader.end()
        return interface
    }
}

extension WireWriter {
    mutating func put(_ address: WireAddress) {
        put(bytes: address.bytes)
        put(address.length)
    }

    mutating func put(_ interface: WireInterface) {
        put(interface.name)
        put(interface.hostInterface)
        put(bytes: interface.mac)
        put(interface.mark)
        put(interface.bridge)
        put(interface.mtu)
        put(list: interface.addresses) { writer, address in writer.put(address) }
        put(list: interface.gateways) { writer, gateway in writer.put(bytes: gateway) }
        put(interface.table)
        put(list: interface.ports) { writer, port in writer.put(port) }
    }

    mutating func put(_ port: WirePort) {
        put(port.hostPort)
        put(port.containerPort)
        put(port.transport)
        put(bytes: port.hostIP)
    }
}

extension WireReader {
    mutating func address() throws(WireFault) -> WireAddress {
        WireAddress(bytes: try bytes(), length: try byte())
    }

    mutating func interface() throws(WireFault) -> WireInterface {
        WireInterface(
            name: try text(), hostInterface: try text(), mac: try bytes(), mark: try text(),
            bridge: try text(), mtu: try number(),
            addresses: try list { (reader: inout WireReader) throws(WireFault) in
                try reader.address()
            },
            gateways: try list { (reader: inout WireReader) throws(WireFault) in
                try reader.bytes()
            },
            table: try text(),
            ports: try list { (reader: inout WireReader) throws(WireFault) in
                try reader.port()
            })
    }

    mutating func port() throws(WireFault) -> WirePort {
        WirePort(
            hostPort: try number(), containerPort: try number(), transport: try byte(),
            hostIP: try bytes())
    }
}
