// The user of a task, by the rules of Docker and podman (moby/sys/user, GetExecUser). There is one
// difference: an entry without a number is no entry, and never means 0.

import Foundation
import Kernel
import Linux
import ShimProtocol
import Testing

@testable import Shim

/// A rootfs with these two files; a file is absent if it is `nil`.
private final class Files {
    let root = "/var/tmp/staunch-users-\(UUID())"

    init(passwd: String?, group: String?) throws {
        try FileManager.default.createDirectory(
            atPath: root + "/etc", withIntermediateDirectories: true)
        for (name, text) in [("passwd", passwd), ("group", group)] {
            if let text { try Data(text.utf8).write(to: URL(filePath: "\(root)/etc/\(name)")) }
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }
}

private let passwd = """
    # a comment
    root:x:0:0:root:/root:/bin/sh
    app:x:1000:100:App:/home/app:/bin/sh
    app:x:1001:101:a second of that name:/:/bin/sh
    same:x:1000:102:a second of that number:/:/bin/sh
    1000:x:7:8:named like a number:/:/bin/sh
    padded:x:0042:0043::/:
    broken:x:many:9::/:
    broken:x::9::/:
    large:x:4294967296:9::/:
    negative:x:-1:9::/:
      spaced:x:50:51::/:\t
    cut:x:60
    e\u{301}l:x:70:71::/:
    \u{e9}l:x:72:73::/:
    \u{301}m:x:74:75::/:
    nul\0:x:76:77::/:
    +nis::::::
    last:x:80:81::/:
    """

private let group = """
    # a comment
    root:x:0:
    one:x:200:app,other
    two:x:201:other,app
    primary:x:100:app
    digits:x:202:1000
    1000:x:203:
    twice:x:204:root
    twice:x:205:
    bad:x:many:app
    none:x:206:\u{e9}l
    other:x:207:appx, app
    """

@Suite struct UserTests {
    /// The requested user, and `uid:gid` with the additional groups.
    static let found: [(String, String)] = [
        ("root", "0:0 204"), ("0", "0:0 204"), ("app", "1000:100 200,201"),
        // A number is a number, even if an entry has it as its name.
        ("1000", "1000:100 200,201"), ("01000", "1000:100 200,201"), ("7", "7:8 202"),
        ("1001", "1001:101 200,201,100"),
        // A number without an entry.
        ("4242", "4242:0 "), ("4294967294", "4294967294:0 "),
        ("padded", "42:43 "), ("42", "42:43 "), ("spaced", "50:51 "), ("last", "80:81 "),
        // Each spelling is a different name.
        ("e\u{301}l", "70:71 "), ("\u{e9}l", "72:73 206"), ("\u{301}m", "74:75 "),
        // A group that is named counts alone.
        ("app:one", "1000:200 "), ("app:0", "1000:0 "), ("1000:1000", "1000:1000 "),
        ("4242:01000", "4242:1000 "), ("app:twice", "1000:204 "), ("4242:4243", "4242:4243 "),
    ]

    @Test("a user is found by the rules of passwd and group", arguments: found, ["\n", "\r\n"])
    func finds(_ row: (String, String), newline: String) throws {
        let files = try Files(
            passwd: passwd.replacing("\n", with: newline),
            group: group.replacing("\n", with: newline))
        let user = try UserLookup(root: files.root).resolve(row.0)
        let more = user.additionalGIDs.map { "\($0)" }.joined(separator: ",")
        #expect("\(user.uid):\(user.gid) \(more)" == row.1)
    }

    @Test(
        "groups are added by number, by name, and by membership",
        arguments: [
            ("app", ["20", "one"], nil, "1000:100 20,200,201"),
            ("app", ["300"], false, "1000:100 300"),
            ("app:one", [], true, "1000:200 201,100"),
            ("1000:100", [], true, "1000:100 200,201"),
            ("0:0", ["20", "20", "0", "one"], nil, "0:0 20,200"),
            ("4242:5", ["one"], true, "4242:5 200"),
        ] as [(String, [String], Bool?, String)])
    func groups(user: String, extra: [String], fromRootfs: Bool?, expected: String) throws {
        let files = try Files(passwd: passwd, group: group)
        let found = try UserLookup(root: files.root).resolve(
            user, and: extra, fromRootfs: fromRootfs)
        let more = found.additionalGIDs.map { "\($0)" }.joined(separator: ",")
        #expect("\(found.uid):\(found.gid) \(more)" == expected)
        #expect(throws: UserUnknown.self) {
            try UserLookup(root: files.root).resolve(user, and: ["nobody"])
        }
    }

    @Test(
        "a user without a valid entry is unknown",
        arguments: [
            ("nobody", "no user nobody"), ("broken", "no user broken"), ("large", "no user large"),
            ("negative", "no user negative"), ("cut", "no user cut"), ("# a comment", "no user #"),
            ("+nis", "no user +nis"), ("app:nobody", "no group nobody"),
            ("app:bad", "no group bad"),
            ("4294967295", "no user 4294967295"), ("app:4294967295", "no group 4294967295"),
            ("99999999999", "no user 99999999999"),
        ])
    func unknown(text: String, says: String) throws {
        let files = try Files(passwd: passwd, group: group)
        #expect(failure(of: text, files)?.contains(says) == true)
    }

    @Test("numbers work without the files")
    func withoutFiles() throws {
        let files = try Files(passwd: nil, group: nil)
        let user = try UserLookup(root: files.root).resolve("5")
        #expect(user == ResolvedUser(uid: 5, gid: 0, additionalGIDs: []))
        #expect(failure(of: "app", files)?.contains("no user app") == true)
        #expect(failure(of: "5:app", files)?.contains("no group app") == true)
    }

    @Test("a large file is read to its end, with the longest lines that a group may have")
    func large() throws {
        let others = (0..<130_000).map { "user\($0):x:\(10_000 + $0):1::/home/user\($0):/bin/sh" }
        let members = (0..<60_000).map { "user\($0)" }.joined(separator: ",")
        let files = try Files(
            passwd: others.joined(separator: "\n") + "\nlate:x:5:6::/:",
            group: "many:x:300:\(members),late\nlast:x:301:late")
        let user = try UserLookup(root: files.root).resolve("late")
        #expect(user == ResolvedUser(uid: 5, gid: 6, additionalGIDs: [300, 301]))
    }

    @Test("an exceeded limit is named")
    func limits() throws {
        let files = try Files(passwd: "late:x:5:6::/:", group: nil)
        let line = String(repeating: "x", count: (1 << 20) + 1)
        try Data("\(line)\nlate:x:5:6::/:".utf8).write(
            to: URL(filePath: files.root + "/etc/passwd"))
        #expect(failure(of: "late", files)?.contains("longer than 1048576 bytes") == true)

        let groups = (0...1024).map { "g\($0):x:\(1000 + $0):late" }.joined(separator: "\n")
        let many = try Files(passwd: "late:x:5:6::/:", group: groups)
        #expect(failure(of: "late", many)?.contains("more than 1024 groups") == true)

        let large = try Files(passwd: passwd, group: nil)
        #expect(
            failure(of: "last", large, fileLimit: 100)?.contains("larger than 100 bytes") == true)
    }

    @Test("an unreadable file is an error, and not an unknown user")
    func unreadable() throws {
        let files = try Files(passwd: nil, group: nil)
        try FileManager.default.createDirectory(
            atPath: files.root + "/etc/passwd", withIntermediateDirectories: true)
        #expect(failure(of: "5", files)?.contains("EISDIR") == true)
        // This lookup needs nothing from the files.
        #expect(failure(of: "5:6", files) == nil)
    }

    private func failure(
        of text: String, _ files: Files, fileLimit: Int = 64 << 20
    ) -> String? {
        do throws(UserUnknown) {
            _ = try UserLookup(root: files.root, fileLimit: fileLimit).resolve(text)
            return nil
        } catch { return error.detail }
    }
}
