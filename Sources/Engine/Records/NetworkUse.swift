// The addresses and host ports that pods have. They are in the pods' records, so a transaction
// takes or frees them together with the pod. This index finds them.

import Host
import Kernel
import Model

struct NetworkUse {
    /// The owner of each address, by the uid of the network.
    private var addresses: [UID: [IPAddress: UID]] = [:]
    /// The pods on each network.
    private var owners: [UID: Set<UID>] = [:]
    /// The last address that was taken, by the uid of the network and the family.
    private var last: [Subnet: IPAddress] = [:]
    /// The owners of host ports, by the number of the port.
    private var ports: [UInt16: [(port: PortSpec, pod: UID)]] = [:]

    private struct Subnet: Hashable {
        let network: UID
        let family: IPAddress.Family
    }

    mutating func add(_ pod: Pod) {
        for interface in pod.interfaces {
            owners[interface.networkUID, default: []].insert(pod.uid)
            for address in interface.addresses.map(\.address) {
                addresses[interface.networkUID, default: [:]][address] = pod.uid
                last[Subnet(network: interface.networkUID, family: address.family)] = address
            }
        }
        guard pod.holdsPorts else { return }
        for port in pod.spec.network.ports {
            ports[port.hostPort, default: []].append((port, pod.uid))
        }
    }

    mutating func remove(_ pod: Pod) {
        for interface in pod.interfaces {
            let network = interface.networkUID
            owners[network]?.remove(pod.uid)
            for address in interface.addresses.map(\.address) {
                addresses[network]?[address] = nil
            }
            guard owners[network]?.isEmpty ?? false else { continue }
            owners[network] = nil
            addresses[network] = nil
        }
        for port in pod.spec.network.ports {
            ports[port.hostPort]?.removeAll { $0.pod == pod.uid }
            if ports[port.hostPort]?.isEmpty ?? false { ports[port.hostPort] = nil }
        }
    }

    /// The network is gone.
    mutating func forget(_ network: UID) {
        last[Subnet(network: network, family: .v4)] = nil
        last[Subnet(network: network, family: .v6)] = nil
    }

    /// The number of pods on the network.
    func pods(on network: UID) -> Int { owners[network]?.count ?? 0 }

    func isUsed(_ network: UID) -> Bool { owners[network] != nil }

    /// The pod that has the address.
    func owner(of address: IPAddress, on network: UID) -> UID? { addresses[network]?[address] }

    /// The port of another pod that collides with `port`, and that pod.
    func owner(of port: PortSpec) -> UID? {
        ports[port.hostPort]?.first { $0.port.collides(with: port) }?.pod
    }

    /// Returns a free address: the address after the last taken one, so that an address
    /// is reused as late as possible; `nil` if all are taken.
    func free(in subnet: IPPrefix, of network: UID) -> IPAddress? {
        let (first, end) = (subnet.gateway.address.value + 1, subnet.last.value)
        guard first < end else { return nil }
        let family = subnet.address.family
        let taken = addresses[network] ?? [:]
        let start = last[Subnet(network: network, family: family)].map { $0.value + 1 } ?? first
        var value = first..<end ~= start ? start : first
        for _ in 0...min(UInt128(taken.count), end - first - 1) {
            let address = IPAddress(family, value)
            if taken[address] == nil { return address }
            value = value + 1 < end ? value + 1 : first
        }
        return nil
    }
}

extension Pod {
    /// Whether no other pod can have the pod's host ports. A pod of the mode `cni` has attachments
    /// from some time of its create on, until nothing of them is left.
    var holdsPorts: Bool {
        if spec.network.cni == nil { return !interfaces.isEmpty }
        return !attachments.isEmpty || !isReleased && state != .lost
    }

    /// Whether another state of the record says the same of addresses and ports.
    func holdsTheSame(as other: Pod?) -> Bool {
        interfaces == other?.interfaces && holdsPorts == other?.holdsPorts
    }
}

extension IPPrefix {
    /// Whether a pod can have the address: not the network's own, the bridge's or the last one.
    func canBelongToPod(_ other: IPAddress) -> Bool {
        contains(other) && other.value > gateway.address.value && other != last
    }
}
