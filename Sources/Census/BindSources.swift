// Files of users that pods can see: they must not change by a single byte.
//
// FNV-1a (64 bits) covers the content. stat(2) covers size, permissions, owner and the time of the
// last change. This detects damage, but not an adversary, who would have to be root on the host. A
// cryptographic hash would need a spawned program for every file, in an instrument that every test
// uses twice. The time of change alone already shows that the same bytes were written again.

import Bytes
import Kernel
import Linux

extension Census {
    /// Adds the file, or the directory and everything below it on the same mount.
    mutating func addBindSource(_ source: String) {
        let (parent, name) = source.cutAtLast("/") ?? (".", source)
        do {
            let directory = try OwnedDescriptor.directory(parent + "/")
            try addBound(Array(name.utf8CString), in: directory, shown(source.utf8))
        } catch { addUnreadable(shown(source.utf8), error.errnoText) }
        walk(source) { census, place, entry, path in
            do throws(SystemCallFailure) {
                try census.addBound(entry.name, in: place.directory, path)
            } catch {
                census.addUnreadable(path, error.errnoText)
            }
        }
    }

    private mutating func addBound(
        _ name: [CChar], in directory: borrowing OwnedDescriptor, _ path: String
    ) throws(SystemCallFailure) {
        let status = try directory.status(of: name, subject: path)
        var hash = FNV1a()
        switch status.kind {
        case .file:
            let file = try directory.file(name, subject: path)
            while let bytes = try file.read(limit: 1 << 16), !bytes.isEmpty { hash.add(bytes) }
        case .link: hash.add(directory.linkTarget(of: name) ?? [])
        case .directory, .other: break
        }
        names.insert(
            """
            bind \(path) \(status.kind) \(hash.text) size \(status.size) \
            mode \(String(status.mode, radix: 8)) owner \(status.owner):\(status.group) \
            changed \(status.modified)
            """)
    }
}
