// Networks in transactions: which network, which addresses and which ports a new pod gets.
//
// They are taken in the transaction that records the pod, and freed in the transaction that removes
// its record with the proof (law 18). So there is no lock, no lease and no other store for them.

import Host
import Kernel
import Model
import Synchronization

extension Transaction {
    /// Returns the interfaces of a new pod. Makes the network `pods` if there is none.
    mutating func interfaces(
        for spec: PodSpec, _ pod: UID, _ routes: () -> [HostRoute]
    ) throws(Refusal) -> [PodInterface] {
        for port in spec.network.ports {
            guard let owner = use.owner(of: port) else { continue }
            throw .network(.portTaken(port, by: self.pod(uid: owner)?.name))
        }
        guard let bridge = spec.network.bridge else { return [] }
        let network = try usableNetwork(bridge.name, routes)
        guard use.pods(on: network.uid) < Network.mostPods else {
            throw .network(.bridgeFull(network.name))
        }
        var addresses: [IPPrefix] = []
        if let subnet = network.spec.subnet {
            addresses.append(try address(bridge.address, in: subnet, network))
        }
        if let subnet = network.spec.subnet6 {
            addresses.append(try address(bridge.address6, in: subnet, network))
        } else if let wanted = bridge.address6 {
            throw .network(.addressRefused(wanted, network.name, subnet: nil))
        }
        return [PodInterface(of: pod, on: network, addresses: addresses)]
    }

    private func address(
        _ wanted: IPAddress?, in subnet: IPPrefix, _ network: Network
    ) throws(Refusal) -> IPPrefix {
        if let wanted {
            guard subnet.canBelongToPod(wanted) else {
                throw .network(.addressRefused(wanted, network.name, subnet: subnet))
            }
            if let owner = use.owner(of: wanted, on: network.uid) {
                throw .network(.addressTaken(wanted, by: pod(uid: owner)?.name))
            }
        }
        guard let address = wanted ?? use.free(in: subnet, of: network.uid),
            let prefix = IPPrefix(address, length: subnet.length)
        else { throw .network(.addressesExhausted(network.name, subnet)) }
        return prefix
    }

    /// Returns a network that new pods can join. A pod rescues a network that the daemon itself
    /// removes, because no pod needed it.
    private mutating func usableNetwork(
        _ name: Label, _ routes: () -> [HostRoute]
    ) throws(Refusal) -> Network {
        guard var network = network(name) else {
            guard name == .pods else { throw .network(.unknown(name)) }
            let spec = try chosen(NetworkSpec(), routes())
            let network = Network(
                uid: makeUID(), name: name, spec: spec, isAutomatic: true, state: .ready,
                createdAt: time)
            put(network)
            return network
        }
        guard network.state == .deleting else { return network }
        guard network.isAutomatic, var removal = network.operation.flatMap({ operation($0) }) else {
            throw .network(.deleting(name, operation: network.operation))
        }
        removal.state = .canceling
        put(removal)
        network.state = .ready
        network.operation = nil
        put(network)
        return network
    }

    /// Returns the spec with a free subnet, or throws if its subnet is not free.
    func chosen(_ spec: NetworkSpec, _ routes: [HostRoute]) throws(Refusal) -> NetworkSpec {
        var spec = spec
        for subnet in spec.subnets {
            if let owner = owner(of: subnet, routes) {
                throw .network(.subnetTaken(subnet, by: owner))
            }
        }
        if spec.subnet == nil {
            spec.subnet = IPPrefix.candidates.first { owner(of: $0, routes) == nil }
            guard spec.subnet != nil else { throw .network(.subnetsExhausted) }
        }
        return spec
    }

    /// Describes what has addresses of the subnet; `nil` if nothing has.
    private func owner(of subnet: IPPrefix, _ routes: [HostRoute]) -> String? {
        for network in networks where network.spec.subnets.contains(where: subnet.overlaps) {
            return "the network \(network.name)"
        }
        let bridges = Set(networks.map(\.bridge))
        for route in routes where route.destination.length > 0 {
            if route.destination.overlaps(subnet) && !bridges.contains(route.interface) {
                return "the host's route \(route.destination) of \(route.interface)"
            }
        }
        return nil
    }

    /// Begins to remove a network that a pod's create made, if no pod needs it any more.
    mutating func removeUnusedNetwork(_ uid: UID, _ context: RequestContext) -> Bool {
        guard var network = network(uid: uid), network.isAutomatic, network.state != .deleting,
            !use.isUsed(uid)
        else { return false }
        begin(&network, context)
        return true
    }

    /// Makes the operation that removes the network, and returns its id.
    @discardableResult
    mutating func begin(_ network: inout Network, _ context: RequestContext) -> UID {
        var operation = makeOperation(.networkDelete, Target(network), context)
        operation.steps = OperationStep.removingNetwork
        network.state = .deleting
        network.operation = operation.id
        put(network)
        put(operation)
        return operation.id
    }
}

extension IPPrefix {
    /// The subnets that the daemon chooses from: 10.88.0.0/16 to 10.127.0.0/16.
    fileprivate static let candidates: [IPPrefix] = (88...127).compactMap {
        IPPrefix(IPAddress(.v4, 10 << 24 | $0 << 16), length: 16)
    }
}

extension Registry {
    /// In no order.
    var networks: [Network] { state.withLock { Array($0.networks.values) } }

    func network(_ uid: UID) -> Network? {
        state.withLock { state in state.networkNames[uid].flatMap { state.networks[$0] } }
    }

    /// Whether the uid is that of a network, or of an operation on one.
    func isNetwork(_ uid: UID) -> Bool {
        state.withLock { state in
            state.networkNames[uid] != nil
                || state.operations.of(uid).first.map { $0.target.kind == .network } ?? false
        }
    }

    /// The pods that have an address of the network, in no order.
    func pods(on network: UID) -> [Pod] {
        state.withLock { state in
            guard state.use.isUsed(network) else { return [] }
            return state.pods.values.filter { pod in
                pod.interfaces.contains { $0.networkUID == network }
            }
        }
    }
}
