// The object of an operation or of an event. A new kind of object is a new case here.

/// One incarnation of a pod.
package struct PodReference: Hashable, Sendable {
    /// The name of the pod.
    package let name: Label
    /// The incarnation of the pod.
    package let uid: UID

    package init(name: Label, uid: UID) {
        self.name = name
        self.uid = uid
    }
}

/// One incarnation of a task.
package struct TaskReference: Hashable, Sendable {
    /// The name of the task.
    package let name: Label
    /// The incarnation of the task.
    package let uid: UID
    /// The pod of the task.
    package let pod: PodReference

    package init(name: Label, uid: UID, pod: PodReference) {
        self.name = name
        self.uid = uid
        self.pod = pod
    }
}

/// One incarnation of a network.
package struct NetworkReference: Hashable, Sendable {
    /// The name of the network.
    package let name: Label
    /// The incarnation of the network.
    package let uid: UID

    package init(name: Label, uid: UID) {
        self.name = name
        self.uid = uid
    }
}

/// The object of an operation or of an event.
package enum Target: Hashable, Sendable {
    /// The whole pod.
    case pod(PodReference)
    /// One task of a pod.
    case task(TaskReference)
    /// A network of ours.
    case network(NetworkReference)
    /// Objects that have the mark of this uid, and no record.
    case orphan(UID)

    /// The kind of a target, as clients read it.
    package enum Kind: String, Sendable, CaseIterable {
        case pod, task, network, orphan
    }

    /// The pod as it is now.
    package init(_ pod: Pod) { self = .pod(PodReference(name: pod.name, uid: pod.uid)) }

    /// The network as it is now.
    package init(_ network: Network) {
        self = .network(NetworkReference(name: network.name, uid: network.uid))
    }

    /// A task of the pod.
    package init(_ pod: Pod, _ task: PodTask) {
        self.init(pod, task: task.spec.name, task.uid)
    }

    /// A task of the pod by its name and its incarnation, which may be gone.
    package init(_ pod: Pod, task: Label, _ uid: UID) {
        let pod = PodReference(name: pod.name, uid: pod.uid)
        self = .task(TaskReference(name: task, uid: uid, pod: pod))
    }
}

extension Target {
    /// The kind of the target.
    package var kind: Kind {
        switch self {
        case .pod: .pod
        case .task: .task
        case .network: .network
        case .orphan: .orphan
        }
    }

    /// The uid of the target itself.
    package var uid: UID {
        switch self {
        case .pod(let pod): pod.uid
        case .task(let task): task.uid
        case .network(let network): network.uid
        case .orphan(let uid): uid
        }
    }

    /// The name of the target itself. Only the uid of an orphan is known, so it is also the name.
    package var name: String {
        switch self {
        case .pod(let pod): pod.name.text
        case .task(let task): task.name.text
        case .network(let network): network.name.text
        case .orphan(let uid): "\(uid)"
        }
    }

    /// The target that this target is a part of: the pod of a task. Otherwise the target itself.
    /// The operations on an owner and on its parts have one order and one controller.
    package var owner: Target {
        switch self {
        case .pod, .network, .orphan: self
        case .task(let task): .pod(task.pod)
        }
    }

    /// The name of the pod that the target is or belongs to; `nil` if it belongs to none.
    package var pod: Label? {
        switch self {
        case .pod(let pod): pod.name
        case .task(let task): task.pod.name
        case .network, .orphan: nil
        }
    }

    /// The name of the task; `nil` if the target is not a task.
    package var task: Label? {
        switch self {
        case .task(let task): task.name
        case .pod, .network, .orphan: nil
        }
    }
}
