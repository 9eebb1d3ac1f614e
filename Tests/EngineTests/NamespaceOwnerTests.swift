import Model
import Store
import Testing

@testable import Engine

@Suite struct NamespaceOwnerTests {
    @Test("a namespace's owner is stored, and an unreadable record gives no owner")
    func record() throws {
        let uid = UID(high: 0x0192_0000_0000_7000, low: 1)
        let owner = NamespaceOwner(
            identity: NamespaceIdentity(kind: .mnt, inode: 7, made: -5), uid: uid,
            name: try #require(Label("web")))
        #expect(NamespaceOwner(owner.record) == owner)
        for text in ["", "net 1 \(uid)", "net x \(uid) web", "net 1 x web", "net 1 \(uid) -"] {
            #expect(NamespaceOwner(NamespaceRecord(inode: 7, document: Array(text.utf8))) == nil)
        }
    }
}
