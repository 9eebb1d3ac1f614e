// Layers with odd kinds of entries: devices, whiteouts, duplicates, attributes, roots.

import LayerProtocol

extension NastyLayer {
    static let kinds: [NastyLayer] = [
        NastyLayer(
            "devices and a pipe",
            .tree(["b 600 0:6 8:0 disk", "c 666 0:0 1:3 null", "p 644 0:0 pipe"])
        ) { tar, _ in
            tar.add("null") { ($0.type, $0.mode, $0.major, $0.minor) = ("3", 0o666, 1, 3) }
            tar.add("disk") { ($0.type, $0.mode, $0.major, $0.gid) = ("4", 0o600, 8, 6) }
            tar.add("pipe") { $0.type = "6" }
        },
        NastyLayer("a device 0/0", .tree(["c 644 0:0 0:0 x"])) {
            tar, _ in tar.add("x") { $0.type = "3" }
        },
        NastyLayer("a type that POSIX does not know", .tree([file("x", 4)])) {
            tar, _ in tar.add("x", "data") { $0.type = "Z" }
        },
        NastyLayer("a file whose name ends with a slash", .tree([directory("d")])) {
            tar, _ in tar.add("d/") { $0.mode = 0o755 }
        },
        NastyLayer(
            "set-id bits with an owner",
            .tree(["d 3777 7:8 d", "f 6755 5:6 4 x", "f 7777 0:0 0 y"])
        ) { tar, _ in
            tar.add("x", "data") { ($0.mode, $0.uid, $0.gid) = (0o6755, 5, 6) }
            tar.add("y") { $0.mode = 0o7777 }
            tar.directory("d", mode: 0o3777) { ($0.uid, $0.gid) = (7, 8) }
        },
        NastyLayer(
            "entries in a directory that passes on its group",
            .tree(["d 2775 0:4 d", directory("d/e"), link("d/l", "x"), file("d/x")])
        ) { tar, _ in
            tar.directory("d", mode: 0o2775) { $0.gid = 4 }
            tar.add("d/x")
            tar.directory("d/e")
            tar.link("d/l", to: "x")
        },
        NastyLayer(
            "an implied directory in a directory that passes on its group",
            .tree(["d 2775 0:4 d", directory("d/e"), file("d/e/x")])
        ) { tar, _ in
            tar.directory("d", mode: 0o2775) { $0.gid = 4 }
            tar.add("d/e/x")
        },
        NastyLayer("an owner that is none", .refused(.layerRefused, entry: "x", "the owner")) {
            tar, _ in
            tar.add("x") { $0.rawUID = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff] }
        },
        NastyLayer("an owner that is negative", .refused(.layerRefused, entry: "x", "the owner")) {
            tar, _ in
            tar.add("x") { $0.rawUID = [UInt8](repeating: 0xff, count: 8) }
        },
        NastyLayer("the largest owner", .tree(["f 644 4294967294:0 0 x"])) {
            tar, _ in
            tar.add("x") { $0.rawUID = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xfe] }
        },
        NastyLayer("the root as a file", .refused(.layerRefused, entry: "./", "the root")) {
            tar, _ in tar.link("./", to: "/")
        },
        NastyLayer("the root as a link", .refused(.layerRefused, entry: ".", "the root")) {
            tar, outside in tar.link(".", to: outside)
        },
        NastyLayer("the root as a hard link", .refused(.layerRefused, entry: ".", "the root")) {
            tar, _ in
            tar.add("f")
            tar.hardLink(".", to: "f")
        },
        NastyLayer("a file without a name", .refused(.layerRefused, entry: "", "the root")) {
            tar, _ in tar.add("", "data")
        },
    ]

    static let duplicates: [NastyLayer] = [
        NastyLayer("two files", .tree(["f 600 0:0 6 x"])) { tar, _ in
            tar.add("x", "first one")
            tar.add("x", "second") { $0.mode = 0o600 }
        },
        NastyLayer("two directories", .tree(["d 700 3:0 d", file("d/x"), file("d/y")])) {
            tar, _ in
            tar.directory("d")
            tar.add("d/x")
            tar.directory("d", mode: 0o700) { $0.uid = 3 }
            tar.add("d/y")
        },
        NastyLayer("a file over a directory", .tree([file("d")])) { tar, _ in
            tar.directory("d")
            tar.add("d/e/f")
            tar.add("d")
        },
        NastyLayer("a directory over a file", .tree([directory("d"), file("d/x")])) { tar, _ in
            tar.add("d")
            tar.directory("d")
            tar.add("d/x")
        },
        NastyLayer("a pipe, a device, a link", .tree([link("x", "y")])) { tar, _ in
            tar.add("x") { $0.type = "6" }
            tar.add("x") { ($0.type, $0.major, $0.minor) = ("3", 1, 3) }
            tar.link("x", to: "y")
        },
        NastyLayer("a file over a hard link", .tree([file("a", 3), file("b", 5)])) { tar, _ in
            tar.add("a", "old")
            tar.hardLink("b", to: "a")
            tar.add("b", "newer")
        },
    ]

    static let whiteouts: [NastyLayer] = [
        NastyLayer("a whiteout", .tree([directory("d"), whiteout("d/x")])) {
            tar, _ in tar.add("d/.wh.x")
        },
        NastyLayer("a whiteout of nothing", .refused(.layerRefused, entry: ".wh.", "nothing")) {
            tar, _ in tar.add(".wh.")
        },
        NastyLayer("a whiteout of .", .refused(.layerRefused, entry: "a/.wh..", "nothing")) {
            tar, _ in tar.add("a/.wh..")
        },
        NastyLayer("a whiteout of ..", .refused(.layerRefused, entry: ".wh...", "nothing")) {
            tar, _ in tar.add(".wh...")
        },
        NastyLayer(
            "a whiteout through a link",
            .refused(.layerRefused, entry: "l/.wh.canary", "a link to nothing")
        ) { tar, outside in
            tar.link("l", to: outside)
            tar.add("l/.wh.canary")
        },
        NastyLayer("a file, then its whiteout", .tree([file("x")])) { tar, _ in
            tar.add("x")
            tar.add(".wh.x")
        },
        NastyLayer("a whiteout, then its file", .tree([file("x")])) { tar, _ in
            tar.add(".wh.x")
            tar.add("x")
        },
        NastyLayer("a link, then its whiteout", .tree([link("l", "OUTSIDE")])) { tar, outside in
            tar.link("l", to: outside)
            tar.add(".wh.l")
        },
        NastyLayer("a directory, then its whiteout", .tree([opaque("d"), file("d/x")])) {
            tar, _ in
            tar.directory("d")
            tar.add("d/x")
            tar.add(".wh.d")
        },
        NastyLayer("a whiteout, then its directory", .tree([opaque("d"), file("d/x")])) {
            tar, _ in
            tar.add(".wh.d")
            tar.directory("d")
            tar.add("d/x")
        },
        NastyLayer("a whiteout, then an entry below it", .tree([opaque("d"), file("d/x")])) {
            tar, _ in
            tar.add(".wh.d")
            tar.add("d/x")
        },
        NastyLayer("the same whiteout twice", .tree([whiteout("x")])) { tar, _ in
            tar.add(".wh.x")
            tar.add(".wh.x")
        },
        NastyLayer(
            "a whiteout that is a directory, and a whiteout that is a hard link",
            .tree([whiteout("x"), whiteout("y")])
        ) { tar, _ in
            tar.directory(".wh.x")
            tar.hardLink(".wh.y", to: "/etc/passwd")
        },
        NastyLayer("an opaque directory", .tree([opaque("d"), file("d/x")])) { tar, _ in
            tar.directory("d")
            tar.add("d/.wh..wh..opq")
            tar.add("d/x")
        },
        NastyLayer("metadata of AUFS", .tree([directory("d"), file("d/x")])) { tar, _ in
            tar.directory(".wh..wh.plnk", mode: 0o700)
            tar.add(".wh..wh.plnk/123.4", "data")
            tar.add(".wh..wh.aufs")
            tar.add(".wh..wh.orph/x/y", "data")
            tar.add("d/x")
        },
        NastyLayer(
            "a directory whose name is a whiteout",
            .refused(.layerRefused, entry: ".wh.a/b", "whose name is a whiteout")
        ) { tar, _ in tar.add(".wh.a/b") },
    ]

    static let attributes: [NastyLayer] = [
        NastyLayer(
            "attributes of overlays and labels",
            .tree(["d 755 0:0 d", "f 644 0:0 0 {user.kept} x"])
        ) { tar, _ in
            tar.directory(
                "d",
                pax: [
                    ("SCHILY.xattr.trusted.overlay.opaque", "y"),
                    ("SCHILY.xattr.trusted.overlay.redirect", "/secret"),
                    ("SCHILY.xattr.user.overlay.opaque", "y"),
                ])
            tar.add(
                "x",
                pax: [
                    ("SCHILY.xattr.security.selinux", "system_u"),
                    ("SCHILY.xattr.security.ima", "0"),
                    ("SCHILY.xattr.user.overlay.metacopy", ""),
                    ("LIBARCHIVE.xattr.trusted.x", "eA=="), ("SCHILY.xattr.user.kept", "1"),
                ])
        },
        NastyLayer(
            "a capability and attributes that only some kinds can have",
            .tree([directory("d"), link("l", "x"), "f 755 0:0 0 {security.capability} x"])
        ) { tar, _ in
            let value = "\u{1}\u{0}\u{0}\u{2}\u{0}\u{20}" + String(repeating: "\u{0}", count: 14)
            let capability = ("SCHILY.xattr.security.capability", value)
            tar.add("x", pax: [capability]) { ($0.mode, $0.uid) = (0o755, 0) }
            tar.directory("d", pax: [capability])
            tar.add("l", pax: [capability, ("SCHILY.xattr.user.a", "b")]) {
                ($0.type, $0.link) = ("2", [120])
            }
        },
        NastyLayer(
            "a capability that is none",
            .refused(.layerRefused, entry: "x", "fsetxattr")
        ) { tar, _ in tar.add("x", pax: [("SCHILY.xattr.security.capability", "no")]) },
        NastyLayer(
            "an attribute that is too large for the file system",
            .refused(.layerRefused, entry: "x", "no room for its attributes")
        ) { tar, _ in
            tar.add("x", pax: [("SCHILY.xattr.user.a", String(repeating: "v", count: 40000))])
        },
        NastyLayer(
            "an attribute that is too large for the kernel",
            .refused(.layerRefused, entry: "x", "E2BIG")
        ) { tar, _ in
            tar.add("x", pax: [("SCHILY.xattr.user.a", String(repeating: "v", count: 70000))])
        },
        NastyLayer(
            "an ACL that is no other entry's",
            .tree([
                "d 755 0:0 {system.posix_acl_default} d", directory("d/e"), file("d/x"),
                directory("d/z"), file("d/z/y"),
            ])
        ) { tar, _ in
            // Version 2; the owner, a group 5 with all rights, the group, the mask, the others.
            let acl: [[UInt8]] = [
                [2, 0, 0, 0], [1, 0, 7, 0], [255, 255, 255, 255], [4, 0, 5, 0],
                [255, 255, 255, 255], [8, 0, 7, 0], [5, 0, 0, 0], [16, 0, 7, 0],
                [255, 255, 255, 255], [32, 0, 5, 0], [255, 255, 255, 255],
            ]
            tar.add(
                Array("d".utf8),
                pax: [("SCHILY.xattr.system.posix_acl_default", acl.flatMap { $0 })]
            ) { ($0.type, $0.mode) = ("5", 0o755) }
            tar.add("d/x")
            tar.directory("d/e")
            tar.add("d/z/y")
        },
    ]
}
