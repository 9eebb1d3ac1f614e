// Namespaces that outlive their pod, because a process holds a descriptor of them.

/// The identity of a namespace. A later namespace with the same inode number differs in ``made``.
package struct NamespaceIdentity: Hashable, Sendable {
    /// The types of namespaces that a pod may have (namespaces(7)), as /proc names them.
    package enum Kind: String, Sendable, CaseIterable {
        case net, ipc, uts, mnt, pid, user, cgroup, time
    }

    /// The type of the namespace.
    package let kind: Kind
    /// The inode in nsfs: unique among all existing namespaces, and reused afterwards.
    package let inode: UInt64
    /// When the kernel made the inode, in nanoseconds since 1970. Only compared for equality.
    package let made: Int64

    package init(kind: Kind, inode: UInt64, made: Int64) {
        self.kind = kind
        self.inode = inode
        self.made = made
    }
}

/// The pod that a namespace was made for. The pod may be gone.
package struct NamespaceOwner: Equatable, Sendable {
    /// The namespace.
    package let identity: NamespaceIdentity
    /// The incarnation of the pod.
    package let uid: UID
    /// The name of the pod. Another pod may have it by now.
    package let name: Label

    package init(identity: NamespaceIdentity, uid: UID, name: Label) {
        self.identity = identity
        self.uid = uid
        self.name = name
    }
}

/// A process of a pod that has a descriptor of a namespace open.
package struct NamespaceHolder: Equatable, Sendable {
    /// The pid of the process in the daemon's pid namespace.
    package let pid: Int32
    /// The name of the process: field 2 of `/proc/<pid>/stat` (proc(5)).
    package let command: String
    /// The number of the descriptor in that process.
    package let descriptor: Int32
    /// The pod of the process, from its cgroup; `nil` if the cgroup does not tell.
    package let pod: UID?
    /// The task of the process, likewise.
    package let task: Label?

    package init(pid: Int32, command: String, descriptor: Int32, pod: UID?, task: Label?) {
        self.pid = pid
        self.command = command
        self.descriptor = descriptor
        self.pod = pod
        self.task = task
    }
}

/// A namespace that some processes hold open.
package struct HeldNamespace: Equatable, Sendable {
    /// The namespace.
    package let identity: NamespaceIdentity
    /// Whether some process was in it.
    package let isInhabited: Bool
    /// Some of the holders, at least one.
    package let holders: [NamespaceHolder]
    /// The deleted pod that the namespace was made for; `nil` if that is not known.
    package var owner: NamespaceOwner?

    package init(
        identity: NamespaceIdentity, isInhabited: Bool, holders: [NamespaceHolder],
        owner: NamespaceOwner? = nil
    ) {
        self.identity = identity
        self.isInhabited = isInhabited
        self.holders = holders
        self.owner = owner
    }

    /// Returns what the audit reports of the namespace; `nil` if it is no leak. `owners` has the
    /// last known owner of each inode number, and `recorded` the pods that are not gone.
    ///
    /// A namespace that a task made for itself is no leak, whether processes are in it or not. It
    /// may have the inode number of a deleted pod's namespace, but differs in `made`.
    package func judged(
        by owners: [UInt64: NamespaceOwner], recorded: Set<UID>
    ) -> HeldNamespace? {
        var judged = self
        if let owner = owners[identity.inode], owner.identity == identity {
            if recorded.contains(owner.uid) { return nil }
            judged.owner = owner
            return judged
        }
        return isInhabited ? nil : judged
    }
}
