// The daemon's document of an interface, with its texts and numbers checked.

import Kernel
import Netlink
import ShimProtocol

struct InterfaceWish {
    let name: InterfaceName
    let hostInterface: InterfaceName
    let mac: MACAddress
    let mark: String
    let bridge: InterfaceName
    let mtu: UInt32
    let addresses: [IPPrefix]
    let gateways: [IPAddress]
    let table: FirewallTable
    let ports: [WirePort]
    /// One element for each port and each family of addresses that it serves.
    let published: [FirewallElement]

    init(_ document: WireInterface) throws(WireFault) {
        name = try InterfaceName(document.name).orFault("name \(document.name)")
        hostInterface = try InterfaceName(document.hostInterface)
            .orFault("name \(document.hostInterface)")
        bridge = try InterfaceName(document.bridge).orFault("name \(document.bridge)")
        mac = try MACAddress(document.mac).orFault("MAC address")
        mark = document.mark
        mtu = document.mtu
        table = try FirewallTable(document.table).orFault("table \(document.table)")
        addresses = try document.addresses.prefixes()
        var gateways: [IPAddress] = []
        for bytes in document.gateways {
            gateways.append(try IPAddress(bytes: bytes).orFault("gateway"))
        }
        self.gateways = gateways
        ports = document.ports
        var published: [FirewallElement] = []
        for content in try FirewallContent.published(ports, addresses.map(\.address)) {
            published.append(try FirewallElement(content, comment: mark).orFault("mark"))
        }
        self.published = published
    }

    /// The host's addresses on which the shim holds the port: 4 or 16 bytes each.
    func heldAddresses(of port: WirePort) -> [[UInt8]] {
        if !port.hostIP.isEmpty { return [port.hostIP] }
        let families = Set(addresses.map(\.address.family))
        return (families.contains(.v4) ? [[0, 0, 0, 0]] : [])
            + (families.contains(.v6) ? [[UInt8](repeating: 0, count: 16)] : [])
    }
}

extension FirewallContent {
    /// One content for each port and each of the pod's addresses that it can lead to.
    static func published(
        _ ports: [WirePort], _ addresses: [IPAddress]
    ) throws(WireFault) -> [FirewallContent] {
        var contents: [FirewallContent] = []
        for port in ports {
            let transport = try Transport(number: port.transport).orFault("transport")
            let host = port.hostIP.isEmpty ? nil : try IPAddress(bytes: port.hostIP).orFault("IP")
            for address in addresses where host == nil || host?.family == address.family {
                let published = PublishedPort(
                    hostAddress: host?.value == 0 ? nil : host, transport: transport,
                    hostPort: port.hostPort, podAddress: address, podPort: port.containerPort)
                contents.append(.port(published))
            }
        }
        return contents
    }
}

extension [WireAddress] {
    func prefixes() throws(WireFault) -> [IPPrefix] {
        var prefixes: [IPPrefix] = []
        for address in self {
            let prefix = IPAddress(bytes: address.bytes).flatMap {
                IPPrefix($0, length: Int(address.length))
            }
            prefixes.append(try prefix.orFault("address"))
        }
        return prefixes
    }
}

extension Optional {
    func orFault(_ what: String) throws(WireFault) -> Wrapped {
        guard let self else { throw WireFault("\(what) cannot be used") }
        return self
    }
}
