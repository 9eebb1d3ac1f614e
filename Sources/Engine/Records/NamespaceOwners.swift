// The pods for which namespaces were made. They are stored apart from the pods, because a pod's
// namespaces may outlive its record.

import Bytes
import Documents
import Host
import Kernel
import Model
import Store
import Synchronization

extension PodController {
    /// Notes a shim's namespaces with each answer of a shim that was not known. An earlier daemon
    /// has noted the namespaces of its own shims, unless it died in between.
    func noteNamespaces(of shim: ProcessIdentity) {
        guard let pod = engine.registry.pod(uid) else { return }
        engine.registry.note(host.namespaces(of: shim, pod.spec), of: pod)
    }
}

extension Registry {
    func namespaceOwners() -> [UInt64: NamespaceOwner] { state.withLock { $0.namespaces } }

    /// Notes the owner of each namespace. It replaces a former owner of the same inode number,
    /// because that namespace is gone.
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
            // A full store takes nothing: then this daemon knows the owner, but the next does not.
            do throws(StoreFailure) { try state.store.commit(change) } catch {}
        }
    }
}

extension NamespaceOwner {
    /// The record's text is `KIND MADE UID NAME`.
    var record: NamespaceRecord {
        let text = "\(identity.kind.rawValue) \(identity.made) \(uid) \(name)"
        return NamespaceRecord(inode: identity.inode, document: Array(text.utf8))
    }

    /// Parses a record; `nil` for any text that `record` does not write.
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
