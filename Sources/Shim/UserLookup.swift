// Who a task runs as: names looked up in the rootfs's own passwd and group, and never outside it.
//
// The files are opened as if the rootfs were the root: a link cannot lead to the host's. The rules
// are Docker's: `user[:group]`, numbers need no entry, a group that is named alone counts.

import Linux
import ShimWire

struct UserUnknown: Error { let detail: String }

struct UserLookup {
    let root: String

    func resolve(_ text: String) throws(UserUnknown) -> ResolvedUser {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let user = String(parts[0])
        let entry = entries("etc/passwd").first { fields in
            fields.count >= 4 && (fields[0] == user || UInt32(user) != nil && fields[2] == user)
        }
        guard let uid = UInt32(user) ?? entry.flatMap({ UInt32($0[2]) }) else {
            throw UserUnknown(detail: "no user \(user) in the rootfs's /etc/passwd")
        }
        if parts.count == 2 {
            let gid = try group(String(parts[1]))
            return ResolvedUser(uid: uid, gid: gid, additionalGIDs: [])
        }
        let gid = entry.flatMap { UInt32($0[3]) } ?? 0
        let more = entry.map { groups(with: $0[0]) } ?? []
        return ResolvedUser(uid: uid, gid: gid, additionalGIDs: more.filter { $0 != gid })
    }

    private func group(_ name: String) throws(UserUnknown) -> UInt32 {
        if let gid = UInt32(name) { return gid }
        let entry = entries("etc/group").first { $0.count >= 3 && $0[0] == name }
        guard let gid = entry.flatMap({ UInt32($0[2]) }) else {
            throw UserUnknown(detail: "no group \(name) in the rootfs's /etc/group")
        }
        return gid
    }

    /// The groups that name `user` as a member, at most as many as a process may have (NGROUPS_MAX
    /// is 65536; nobody needs that many).
    private func groups(with user: String) -> [UInt32] {
        let found = entries("etc/group").filter { fields in
            fields.count >= 4 && fields[3].split(separator: ",").contains { $0 == user }
        }
        return Array(found.compactMap { UInt32($0[2]) }.prefix(1024))
    }

    /// The lines of a colon-separated file of at most 4 MiB; none where it cannot be read.
    private func entries(_ path: String) -> [[String]] {
        var bytes: [UInt8] = []
        ignoring("a rootfs without such a file has no names") { () throws(SystemCallFailure) in
            let file = try Files.opening(path, inRoot: root)
            while bytes.count < 4 << 20, let more = try file.read(limit: 65536), !more.isEmpty {
                bytes += more
            }
        }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }
    }
}
