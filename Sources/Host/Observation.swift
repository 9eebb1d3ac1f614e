// The objects of ours that the host shows. They are found by name, because each name follows from a
// pod's uid.

package import Model

/// What a look saw of one kind.
package struct Observation: Sendable {
    package let kind: ResourceKind
    /// The path of each object, by the uid in its name.
    package var names: [String: String]
    /// The objects of `names` that had no record at the time.
    package var unrecorded: [String: String]

    package init(_ kind: ResourceKind, _ names: [String: String], recorded: Set<UID>) {
        self.kind = kind
        self.names = names
        unrecorded = names.filter { name, _ in !(UID(ours: name).map(recorded.contains) ?? false) }
    }
}

/// The records, as a look at the machine needs them.
package protocol Recorded: Sendable {
    /// From this call on, the registry notes which records are removed.
    func beginLook()
    /// Returns the pods that are recorded now, or were recorded at some time since the look began.
    func endLook() -> Set<UID>
    /// Returns the last owner of each namespace, by the inode number of the namespace.
    func namespaceOwners() -> [UInt64: NamespaceOwner]
    /// Returns the processes of the live shims, as far as the records know them.
    func shims() -> [Int32]
}
