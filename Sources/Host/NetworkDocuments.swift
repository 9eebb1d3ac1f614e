// The names and documents of networks and interfaces, for the shim and for helpers.

import Bytes
import Kernel
package import Model
package import ShimProtocol

extension Layout {
    /// Our mark on objects of the host's network namespace, and the name of our table in its
    /// firewall: `staunch`, as the cgroup parent's name is by default. Two daemons on one host have
    /// different parents.
    package var networkMark: String {
        let name = settings.cgroupParent.utf8.drop { $0 == UInt8(ascii: "/") }.map { byte in
            let isPlain = 0x61...0x7a ~= byte | 0x20 || 0x30...0x39 ~= byte
            return isPlain ? byte : UInt8(ascii: "_")
        }
        let text = String(decoding: name, as: UTF8.self)
        if 0x61...0x7a ~= name.first ?? 0, name.count <= 32 { return text }
        // FNV-1a, because a table's name has at most 32 bytes, and begins with a letter.
        var hash = FNV1a()
        hash.add(name)
        return "staunch_" + hash.text
    }

    /// The alias of an interface or bridge, and the comment of host ports.
    package func mark(_ uid: UID) -> String { "\(networkMark):\(uid)" }

    /// The interface of a pod; `nil` for a pod without an interface on a network of ours.
    package func interface(of pod: Pod, mtu: Int64) -> WireInterface? {
        guard let interface = pod.interfaces.first else { return nil }
        return WireInterface(
            name: interface.name, hostInterface: interface.hostInterface,
            mac: interface.mac.bytes, mark: mark(pod.uid),
            bridge: Network.bridge(of: interface.networkUID), mtu: UInt32(clamping: mtu),
            addresses: interface.addresses.map(WireAddress.init),
            gateways: interface.gateways.map(\.bytes), table: networkMark, ports: pod.wirePorts)
    }

    /// A network with the interfaces of these pods.
    package func network(_ network: Network, _ pods: [Pod]) -> WireNetwork {
        WireNetwork(
            bridge: network.bridge, mark: mark(network.uid),
            mtu: UInt32(clamping: network.spec.mtu),
            gateways: network.spec.subnets.map { WireAddress($0.gateway) },
            masquerades: network.spec.masquerade, isIsolated: network.spec.isolate,
            table: networkMark,
            interfaces: pods.compactMap { interface(of: $0, mtu: network.spec.mtu) })
    }

    /// What a helper removes of a pod. Without a record, what follows from the uid.
    package func detachment(_ pod: UID, _ recorded: Pod?) -> WireDetachment {
        WireDetachment(
            uid: "\(pod)", hostInterface: PodInterface.hostName(of: pod), mark: mark(pod),
            addresses: recorded?.interfaces.first?.addresses.map(\.address.bytes) ?? [],
            ports: recorded?.wirePorts ?? [],
            bridge: recorded == nil ? Network.bridge(of: pod) : "")
    }
}

extension Pod {
    fileprivate var wirePorts: [WirePort] {
        (spec.network.bridge?.ports ?? []).map { port in
            WirePort(
                hostPort: port.hostPort, containerPort: port.containerPort,
                transport: port.transport.number, hostIP: port.hostIP?.bytes ?? [])
        }
    }
}

extension WireAddress {
    fileprivate init(_ prefix: IPPrefix) {
        self.init(bytes: prefix.address.bytes, length: UInt8(prefix.length))
    }
}
