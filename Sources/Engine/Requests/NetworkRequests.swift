// Requests about networks, by the tables of API.md.

import CNI
package import Documents
import Host
import Kernel
package import Model
import Synchronization

extension Engine {
    /// All networks with the numbers of their pods, in the order of creation.
    package func networks() -> (networks: [NetworkDocument], revision: UInt64) {
        registry.state.withLock { state in
            let networks = state.networks.values.sorted { $0.uid < $1.uid }
            return (
                networks.map { NetworkDocument($0, used: state.use.pods(on: $0.uid)) },
                state.revision
            )
        }
    }

    package func network(_ name: Label) -> NetworkDocument? {
        registry.state.withLock { state in
            state.networks[name].map { NetworkDocument($0, used: state.use.pods(on: $0.uid)) }
        }
    }

    /// Creates a network. The same spec joins the create, and another spec is refused. A network
    /// that a pod's create made becomes the client's own.
    package func createNetwork(
        _ name: Label, _ spec: NetworkSpec, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        let configured = configuredFile(name.text)?.path
        return try mutate(context, .networkCreate) { transaction throws(Refusal) in
            if let network = transaction.network(name) {
                try context.check(entityTag: network.entityTag)
                return try transaction.joinCreate(of: network, spec)
            }
            try context.check(entityTag: nil)
            if let file = configured { throw .network(.configured(name, file: file)) }
            guard transaction.networks.count < settings.limits.networks else {
                throw .network(.tooMany(limit: settings.limits.networks))
            }
            let spec = try transaction.chosen(spec, host.routes())
            var network = Network(
                uid: transaction.makeUID(), name: name, spec: spec, isAutomatic: false,
                state: .creating, createdAt: transaction.time)
            var operation = transaction.makeOperation(.networkCreate, Target(network), context)
            operation.steps = [OperationStep(name: .create(.networkCreate))]
            network.operation = operation.id
            transaction.put(network)
            transaction.put(operation)
            return .operation(transaction.operation(operation.id) ?? operation)
        }
    }

    /// Deletes a network that no pod needs.
    package func deleteNetwork(
        _ name: Label, uid: UID?, allowMissing: Bool, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        let configured = configuredFile(name.text)?.path
        return try mutate(context, .networkDelete) { transaction throws(Refusal) in
            if var network = transaction.network(name), uid == nil || network.uid == uid {
                try context.check(entityTag: network.entityTag)
                return try transaction.delete(&network, context)
            }
            let past =
                uid.map { transaction.removal(of: $0) } ?? transaction.removal(ofNetwork: name)
            if let past, past.kind == .networkDelete { return .finished(past) }
            if let network = transaction.network(name) {
                throw .uidMismatch(name, current: network.uid)
            }
            if let file = configured { throw .network(.configured(name, file: file)) }
            if allowMissing { return .nothing }
            throw .network(.unknown(name))
        }
    }
}

extension Transaction {
    fileprivate mutating func joinCreate(
        of network: Network, _ spec: NetworkSpec
    ) throws(Refusal) -> MutationResult {
        guard network.state != .deleting else {
            throw .network(.deleting(network.name, operation: network.operation))
        }
        // A request without a subnet accepts any.
        var asked = spec
        asked.subnet = spec.subnet ?? network.spec.subnet
        let differences = asked.differences(from: network.spec)
        guard differences.isEmpty else {
            throw .specConflict(
                network.name, differences: differences, operation: network.operation)
        }
        if let id = network.operation, let open = operation(id), open.kind == .networkCreate {
            return join(open)
        }
        guard network.isAutomatic else { return .network(network) }
        var network = network
        network.isAutomatic = false
        put(network)
        return .network(self.network(network.name) ?? network)
    }

    fileprivate mutating func delete(
        _ network: inout Network, _ context: RequestContext
    ) throws(Refusal) -> MutationResult {
        let pods = use.pods(on: network.uid)
        guard pods == 0 else { throw .network(.inUse(network.name, pods: pods)) }
        // A pod's create calls off no delete that a client has asked for.
        if network.isAutomatic {
            network.isAutomatic = false
            put(network)
        }
        if network.state == .deleting, let open = network.operation.flatMap({ operation($0) }) {
            return join(open)
        }
        if var create = network.operation.flatMap({ operation($0) }), create.kind.isCreate {
            let id = begin(&network, context)
            create.state = .canceling
            create.supersededBy = id
            put(create)
        } else {
            begin(&network, context)
        }
        guard let operation = network.operation.flatMap({ self.operation($0) }) else {
            return .nothing
        }
        return .operation(operation)
    }
}
