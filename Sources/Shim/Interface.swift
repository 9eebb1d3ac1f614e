// The interface of the pod on a network of ours, and the pod's host ports.
//
// The shim holds a socket on each host port, so that no program of the host gets the port while the
// pod lives. A helper makes the interface and the entries of the firewall. The daemon removes them
// by a helper of its own, because their names follow from the uid and no shim is needed for it.

import Bytes
import Kernel
import Linux
import Netlink
import ShimProtocol

final class Interface: PodPart {
    static let name = WireInterface.part
    static let hasFolder = false
    /// The index that is asked for in the pod. The index 1 is the loopback's.
    private static let index: Int32 = 2

    let memory: [MemoryFileSystem] = []
    private let wanted: InterfaceWish
    private let hostNetwork: CInt
    private let podNetwork: CInt
    /// Sockets that hold host ports; open until the shim ends.
    private let ports = HeldPorts()
    /// The port that the shim could not hold.
    private var refused: WirePort?

    init(_ document: [UInt8], _ shim: Shim) throws(WireFault) {
        wanted = try InterfaceWish(try WireInterface.parse(document: document))
        hostNetwork = shim.hostNetwork
        podNetwork = shim.podNetwork
        guard hostNetwork >= 0, podNetwork >= 0 else {
            throw WireFault("the shim was started without the host's network")
        }
    }

    /// Binding a port waits for nothing.
    func hold() throws(SystemCallFailure) {
        guard !ports.isHeld, !wanted.ports.isEmpty else { return }
        try Sandbox.enterNetwork(hostNetwork)
        var failure: SystemCallFailure?
        do throws(SystemCallFailure) {
            for port in wanted.ports {
                refused = port
                for address in wanted.heldAddresses(of: port) {
                    try ports.hold(port.transport, address, port.hostPort)
                }
            }
            refused = nil
        } catch {
            failure = error
            ports.release()
        }
        do throws(SystemCallFailure) { try Sandbox.enterNetwork(podNetwork) } catch {
            // In the host's network namespace the shim would not be the pod's sandbox any more.
            fatalError("\(error)")
        }
        if let failure { throw failure }
    }

    func explained(_ failure: SystemCallFailure) -> SystemCallFailure {
        guard failure.errno == 98, let refused else { return failure }  // EADDRINUSE
        do throws(SystemCallFailure) { try Sandbox.enterNetwork(hostNetwork) } catch {
            return failure
        }
        guard let holder = PortHolder.description(refused.transport, refused.hostPort) else {
            return failure
        }
        return SystemCallFailure(
            call: failure.call, subject: "\(failure.subject), which \(holder) has", errno: 98)
    }

    func make() throws(SystemCallFailure) {
        try Sandbox.enterNetwork(hostNetwork)
        let route = try RouteSocket()
        try makePair(route)
        if !wanted.published.isEmpty { try publish(route) }
        try Sandbox.enterNetwork(podNetwork)
        let inside = try RouteSocket()
        // The kernel chooses the index (veth_newlink), and an interface that is made anew gets
        // another one.
        guard let link = try inside.link(wanted.name) else {
            throw SystemCallFailure(call: "RTM_GETLINK", subject: wanted.name.text, errno: 19)
        }
        try inside.setUp(
            link.index, wanted.name, addresses: wanted.addresses, gateways: wanted.gateways)
    }

    /// An interface that a former helper has made, perhaps not wholly, is made anew.
    private func makePair(_ route: borrowing RouteSocket) throws(SystemCallFailure) {
        guard let bridge = try route.link(wanted.bridge) else {
            throw SystemCallFailure(call: "RTM_GETLINK", subject: wanted.bridge.text, errno: 19)
        }
        let pair = NewVeth(
            name: wanted.hostInterface, alias: wanted.mark,
            mtu: wanted.mtu == 0 ? bridge.mtu : wanted.mtu,
            peer: NewVeth.Peer(
                namespace: podNetwork, name: wanted.name, index: Interface.index, mac: wanted.mac))
        do throws(SystemCallFailure) { try route.create(pair) } catch {
            guard error.errno == 17 else { throw error }  // EEXIST
            try route.remove(wanted.hostInterface)
            try route.create(pair)
        }
        try NetworkHelper.disableVersion6(of: wanted.hostInterface)
        try route.attach(wanted.hostInterface, to: bridge.index)
    }

    private func publish(_ route: borrowing RouteSocket) throws(SystemCallFailure) {
        let firewall = try NetfilterSocket()
        do throws(SystemCallFailure) {
            try firewall.add(wanted.published, to: wanted.table)
        } catch {
            guard error.errno == 17 else { throw error }  // EEXIST
            try firewall.remove(wanted.mark, from: wanted.table)
            do throws(SystemCallFailure) {
                try firewall.add(wanted.published, to: wanted.table)
            } catch {
                guard error.errno == 17 else { throw error }
                throw SystemCallFailure(call: error.call, subject: error.subject, errno: 98)
            }
        }
        try forgetFormerOwners(route, firewall)
    }

    /// A UDP connection that the kernel tracks would lead to the port's former owner. Connections
    /// to the same port of other hosts stay.
    private func forgetFormerOwners(
        _ route: borrowing RouteSocket, _ firewall: borrowing NetfilterSocket
    ) throws(SystemCallFailure) {
        var ports: [PublishedPort] = []
        for case .port(let port) in wanted.published.map(\.content) where port.transport == .udp {
            ports.append(port)
        }
        if ports.isEmpty { return }
        let host = try route.addresses().map(\.prefix.address)
        try firewall.flush(
            ports.flatMap { port in
                let addresses =
                    port.hostAddress.map { [$0] }
                    ?? host.filter { $0.family == port.podAddress.family }
                return addresses.map {
                    ConntrackFilter.published(.udp, port.hostPort, at: $0)
                }
            })
    }
}
