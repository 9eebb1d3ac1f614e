// Resolves the user that a task runs as: names are looked up in the rootfs's own passwd and group.
//
// The files are opened as if the rootfs were the root, so no link leads to the host's. The rules
// are Docker's and podman's: `user[:group]`. Digits are a number, even if an entry has that name,
// and a number needs no entry. The first match counts. If a group is given, no other group counts.
// Lines are cut as bytes and trimmed. Unlike Docker and podman, an entry without a number is
// skipped: read as 0 it would make its user root.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct UserUnknown: Error { let detail: String }

struct UserLookup {
    let root: String
    /// The most bytes that one lookup reads of a file.
    var fileLimit = 64 << 20

    /// The most additional groups of a task; the kernel's own limit is 65536.
    private static let groupLimit = 1024

    /// - Parameters:
    ///   - text: `user[:group]`.
    ///   - extra: groups by number or name.
    ///   - fromRootfs: whether the groups that name the user are added; `nil`: only if `text` names
    ///     no group.
    func resolve(
        _ text: String, and extra: [String] = [], fromRootfs: Bool? = nil
    ) throws(UserUnknown) -> ResolvedUser {
        let (user, group) = text.cut(":").map { ($0.before, $0.after) } ?? (text, nil)
        let addsMemberships = fromRootfs ?? (group == nil)
        let number: UInt32? = id(user.utf8)
        let needsAccount = number == nil || group == nil || addsMemberships
        let account = needsAccount ? try account(of: user, number) : nil
        guard let uid = account?.uid ?? number else {
            throw UserUnknown(detail: "no user \(user) in the rootfs's /etc/passwd")
        }
        let gid = try group.map { name throws(UserUnknown) in try self.gid(of: name) }
        let primary = gid ?? account?.gid ?? 0
        var more: [UInt32] = []
        func add(_ gid: UInt32) {
            if gid != primary, !more.contains(gid) { more.append(gid) }
        }
        for name in extra { add(try self.gid(of: name)) }
        if addsMemberships { try groups(with: account?.name).forEach(add) }
        return ResolvedUser(uid: uid, gid: primary, additionalGIDs: more)
    }

    private struct Account {
        let name: [UInt8]
        let uid: UInt32
        let gid: UInt32
    }

    /// `name:password:uid:gid:…` (passwd(5)).
    private func account(
        of user: String, _ number: UInt32?
    ) throws(UserUnknown) -> Account? {
        var found: Account?
        try lines("passwd") { fields in
            guard fields.count >= 4, let uid = id(fields[2]), let gid = id(fields[3]),
                number.map({ $0 == uid }) ?? fields[0].elementsEqual(user.utf8)
            else { return true }
            found = Account(name: Array(fields[0]), uid: uid, gid: gid)
            return false
        }
        return found
    }

    private func gid(of group: String) throws(UserUnknown) -> UInt32 {
        if let gid: UInt32 = id(group.utf8) { return gid }
        var found: UInt32?
        try lines("group") { fields in
            guard fields.count >= 3, fields[0].elementsEqual(group.utf8) else { return true }
            found = id(fields[2])
            return found == nil
        }
        guard let found else {
            throw UserUnknown(detail: "no group \(group) in the rootfs's /etc/group")
        }
        return found
    }

    /// The groups that name `user` as a member: `name:password:gid:member,member…` (group(5)).
    private func groups(with user: [UInt8]?) throws(UserUnknown) -> [UInt32] {
        guard let user else { return [] }
        var found: [UInt32] = []
        try lines("group") { fields in
            guard fields.count >= 4, let gid = id(fields[2]),
                fields[3].split(separator: UInt8(ascii: ",")).contains(where: {
                    $0.elementsEqual(user)
                })
            else { return true }
            found.append(gid)
            return found.count <= UserLookup.groupLimit
        }
        guard found.count <= UserLookup.groupLimit else {
            let name = String(decoding: user, as: UTF8.self)
            let limit = UserLookup.groupLimit
            throw UserUnknown(
                detail: "\(name) is in more than \(limit) groups of the rootfs's /etc/group")
        }
        return found
    }

    /// Parses an id; 4294967295 is not an id (setuid(2)).
    private func id(_ text: some Sequence<UInt8>) -> UInt32? {
        let number: UInt32? = text.decimal()
        return number == .max ? nil : number
    }

    /// Passes each line's fields to `take` until it returns `false`; passes none if there is no
    /// file.
    private func lines(
        _ name: String, _ take: ([ArraySlice<UInt8>]) -> Bool
    ) throws(UserUnknown) {
        let path = "the rootfs's /etc/\(name)"
        var limit: String?
        do throws(SystemCallFailure) {
            var reader = LineReader(
                file: try Files.opening("etc/" + name, inRoot: root), fileLimit: fileLimit)
            while let line = try reader.next() {
                let fields = line.split(
                    separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
                guard take(fields) else { return }
            }
            limit = reader.limit
        } catch {
            if [2, 20].contains(error.errno) { return }  // ENOENT, ENOTDIR
            throw UserUnknown(detail: "\(path) cannot be read: \(error.errnoText)")
        }
        if let limit { throw UserUnknown(detail: "\(path) \(limit)") }
    }
}
