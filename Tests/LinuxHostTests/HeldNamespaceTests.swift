// Which held namespaces the audit reports, and which pod it names as the owner.

import Model
import Testing

@testable import LinuxHost

@Suite struct HeldNamespaceTests {
    private let uid = UID(high: 0x0192_0000_0000_7000, low: 1)

    private func identity(
        _ kind: NamespaceIdentity.Kind = .net, inode: UInt64 = 7, made: Int64 = 1
    ) -> NamespaceIdentity { NamespaceIdentity(kind: kind, inode: inode, made: made) }

    private func owner(_ identity: NamespaceIdentity) throws -> NamespaceOwner {
        NamespaceOwner(identity: identity, uid: uid, name: try #require(Label("web")))
    }

    /// The audit's judgment of a namespace that a task holds. The namespace of `web` was net:[7],
    /// made at 1.
    private func judged(
        _ seen: NamespaceIdentity, isInhabited: Bool = false, isRecorded: Bool = false
    ) throws -> HeldNamespace? {
        let holder = NamespaceHolder(pid: 1, command: "x", descriptor: 3, pod: nil, task: nil)
        let held = HeldNamespace(identity: seen, isInhabited: isInhabited, holders: [holder])
        return held.judged(by: [7: try owner(identity())], recorded: isRecorded ? [uid] : [])
    }

    @Test("a deleted pod's namespace is reported with its pod, a recorded pod's is not reported")
    func deletedPods() throws {
        #expect(try judged(identity())?.owner?.uid == uid)
        #expect(try judged(identity(), isInhabited: true)?.owner?.uid == uid)
        #expect(try judged(identity(), isRecorded: true) == nil)
        #expect(try judged(identity(), isInhabited: true, isRecorded: true) == nil)
    }

    @Test("a task's own namespace is never taken for a deleted pod's with the same number")
    func tasksOwn() throws {
        let others = [identity(made: 2), identity(.ipc), identity(inode: 8)]
        for seen in others {
            let told = try judged(seen)
            #expect(told != nil && told?.owner == nil, "\(seen)")
            #expect(try judged(seen, isInhabited: true) == nil, "\(seen)")
        }
    }

    @Test("the helper's lines are read with any command of a process")
    func lines() throws {
        let text = """
            net 7 1 0 41 5 \(uid) app a b  c
            net 7 1 0 42 6 - - ?
            ipc 8 2 1 43 0 x \(uid) /
            net 7 1 0 42
            moon 7 1 0 41 5 - - x

            """
        let app = try #require(Label("app"))
        #expect(
            HeldNamespace.listed(Array(text.utf8)) == [
                HeldNamespace(
                    identity: identity(), isInhabited: false,
                    holders: [
                        NamespaceHolder(
                            pid: 41, command: "a b  c", descriptor: 5, pod: uid, task: app),
                        NamespaceHolder(pid: 42, command: "?", descriptor: 6, pod: nil, task: nil),
                    ]),
                HeldNamespace(
                    identity: identity(.ipc, inode: 8, made: 2), isInhabited: true,
                    holders: [
                        NamespaceHolder(
                            pid: 43, command: "/", descriptor: 0, pod: nil, task: Label("\(uid)"))
                    ]),
            ])
    }
}
