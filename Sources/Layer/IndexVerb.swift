// `staunch-layer index`: where the members of an archive of images are, so that its documents and
// blobs are read in place.
//
// Nothing vouches for the archive, so the program has no privilege at all when it reads it: no
// capability, another user, and no call that opens a file.

import Archive
import Bytes
import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux

struct IndexVerb {
    /// An archive of images has some thousands of members at most.
    private static let most = 100_000

    func run() throws(LayerRefusal) -> CInt {
        Charset.load()
        do throws(SystemCallFailure) {
            let status = try OwnedDescriptor.duplicating(0).status()
            guard status.kind == .file else {
                throw SystemCallFailure(call: "lseek", subject: "the archive", errno: ESPIPE)
            }
            try Confinement.limit(memory: 64 << 20, descriptors: 16)
            try Confinement.keep([], user: UserIdentity(uid: 65534, gid: 65534))
            OwnProcess.closeDescriptors(except: [])
            try Confinement.onCrash(write: UnpackConfinement.crashed, to: 1)
            try UnpackConfinement.filter(UnpackConfinement.calls)
        } catch { throw LayerRefusal(error) }
        return try list()
    }

    private func list() throws(LayerRefusal) -> CInt {
        var count = 0
        var json = JSONWriter()
        do throws(TreeFailure) {
            let index = try reading(try TarIndex(OwnedDescriptor(adopting: 0)))
            json.beginArray()
            while let member = try reading(try index.next()) {
                count += 1
                guard count <= IndexVerb.most, json.count < 16 << 20 else {
                    throw .tooLarge("more than \(IndexVerb.most) members")
                }
                write(member, to: &json)
            }
            json.endArray()
        } catch { throw LayerRefusal(error, entry: []) }
        let members = json.finish().bytes
        json = JSONWriter()
        json.beginObject()
        json.member("state", "done")
        json.key("members")
        json.raw(members)
        json.endObject()
        return print(json.finish().bytes + [UInt8(ascii: "\n")])
    }

    private func write(_ member: TarMember, to json: inout JSONWriter) {
        let (kind, target) = describe(member.entry.kind)
        json.beginObject()
        json.member("name", EscapedName(member.entry.path).description)
        json.member("kind", kind)
        json.member("offset", member.offset)
        json.member("length", member.entry.size)
        json.member("target", target.map { EscapedName($0).description })
        json.endObject()
    }

    private func describe(_ kind: TarItem.Kind) -> (String, target: [UInt8]?) {
        switch kind {
        case .file: ("file", nil)
        case .directory: ("directory", nil)
        case .link(let target): ("link", target)
        case .hardLink(let target): ("hard-link", target)
        case .device, .fifo, .other: ("other", nil)
        }
    }
}
