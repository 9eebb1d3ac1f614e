// `staunch-layer remove`: a tree goes, and was seen to be gone.

import Glibc
import JSON
import Kernel
import LayerProtocol
import Linux

struct RemoveVerb {
    let directory: String
    let name: String
    let progress: ProgressFile

    /// Removes the tree. A missing tree is no failure. A killed run leaves a smaller tree, and the
    /// next run goes on with it.
    func run() throws(LayerRefusal) -> JSONWriter {
        let entry = Array(name.utf8).terminated
        var removed: Int64 = 0
        do throws(SystemCallFailure) {
            guard name.utf8.allSatisfy({ $0 != slash }), name != ".", name != "..", !name.isEmpty
            else { throw SystemCallFailure(call: "unlinkat", subject: name, errno: EINVAL) }
            try Confinement.keep([.overrideAccess, .actAsOwner, .changeImmutable])
            let parent = try OwnedDescriptor.opening(
                directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            try Tree.remove(entry: entry, in: parent, subject: directory) {
                removed += 1
                progress.report(LayerProgress(entries: removed))
            }
            if try parent.entryStatus(entry) != nil {
                throw SystemCallFailure(call: "unlinkat", subject: name, errno: EEXIST)
            }
        } catch { throw LayerRefusal(error) }
        progress.report(isLast: true, LayerProgress(entries: removed))
        var json = JSONWriter()
        json.beginObject()
        json.member("state", "done")
        json.member("removed", removed)
        json.endObject()
        return json
    }
}
