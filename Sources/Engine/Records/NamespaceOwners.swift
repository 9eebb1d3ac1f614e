// For whom namespaces were made: stored apart from the pods, because a pod's namespaces may outlive
// its record.

import Bytes
import Documents
import Linux
import Model
import Store
import Synchronization

extension PodController {
    /// With each answer of a shim that was not known: a shim that was made by an earlier daemon has
    /// been noted by that one, unless it died in between.
    func noteNamespaces(of shim: ProcessIdentity) {
        guard let pod = engine.registry.pod(uid) else { return }
        let ownNetwork = pod.spec.network == .none
        engine.registry.note(host.namespaces(of: shim, ownNetwork: ownNetwork), of: pod)
    }
}

extension Registry {
    func namespaceOwners() -> [UInt64: NamespaceOwner] { state.withLock { $0.namespaces } }

    /// What was known of a namespace that had the number before is forgotten: it is gone.
    func note(_ namespaces: [NamespaceIdentity], of pod: Pod) {
        state.withLock { state in
            let owners = namespaces.map {
                NamespaceOwner(identity: $0, uid: pod.uid, name: pod.name)
            }
            let new = owners.filter { state.namespaces[$0.identity.inode] != $0 }
            if new.isEmpty { return }
            for owner in new { state.namespaces[owner.identity.inode] = owner }
            var change = StoreChange(revision: state.revision)
            change.namespaces = new.map(\.record)
            // A store that is full takes nothing: then this daemon knows it, and the next does not.
            do throws(StoreFailure) { try state.store.commit(change) } catch {}
        }
    }
}

extension NamespaceOwner {
    /// `KIND MADE UID NAME`.
    var record: NamespaceRecord {
        let text = "\(identity.kind.rawValue) \(identity.made) \(uid) \(name)"
        return NamespaceRecord(inode: identity.inode, document: Array(text.utf8))
    }

    /// `nil` for anything that `record` does not write.
    init?(_ record: NamespaceRecord) {
        let words = String(decoding: record.document, as: UTF8.self).fields(" ")
        guard words.count == 4, let kind = NamespaceIdentity.Kind(rawValue: words[0]),
            let made = Int64(words[1]), let uid = UID(words[2]), let name = Label(words[3])
        else { return nil }
        self.init(
            identity: NamespaceIdentity(kind: kind, inode: record.inode, made: made), uid: uid,
            name: name)
    }
}
