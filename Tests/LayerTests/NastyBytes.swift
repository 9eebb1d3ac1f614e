// Layers whose names, headers or streams are odd or broken.

import Foundation
import LayerProtocol

extension NastyLayer {
    private static let long = String(repeating: "n", count: 255)

    static let names: [NastyLayer] = [
        NastyLayer("a name of 255 bytes", .tree([file(long)])) { tar, _ in
            tar.longName(Array(long.utf8))
            tar.add("x") { $0.format = .gnu }
        },
        NastyLayer(
            "a name of 256 bytes", .refused(.layerRefused, entry: "n" + long, "255 bytes")
        ) { tar, _ in tar.add("x", pax: [("path", "n" + long)]) },
        NastyLayer(
            "a path of 4096 bytes",
            .refused(
                .layerRefused, entry: String(repeating: "a/", count: 125) + "...", "4095 bytes")
        ) { tar, _ in
            tar.add("x", pax: [("path", String(repeating: "a/", count: 2047) + "xx")])
        },
        NastyLayer(
            "a name in Latin-1", .tree([file("caf\\xe9"), file("caf\\xe9-pax")])
        ) { tar, _ in
            tar.add(Array("caf".utf8) + [0xe9])
            tar.add(
                Array("x".utf8), pax: [("path", Array("caf".utf8) + [0xe9] + Array("-pax".utf8))])
        },
        NastyLayer(
            "a name in Latin-1 that says so", .tree([file("caf\\xe9"), link("l", "\\xe9")])
        ) { tar, _ in
            let binary = ("hdrcharset", Array("BINARY".utf8))
            tar.add(Array("x".utf8), pax: [binary, ("path", Array("caf".utf8) + [0xe9])])
            tar.add(Array("l".utf8), pax: [binary, ("linkpath", [0xe9])]) { $0.type = "2" }
        },
        NastyLayer(
            "one letter in one scalar, and in two",
            .tree([file("e\\xcc\\x81", 1), link("l", "e\\xcc\\x81"), file("\\xc3\\xa9", 2)])
        ) { tar, _ in
            tar.add("x", "1", pax: [("path", "e\u{301}")])
            tar.add("y", "22", pax: [("path", "\u{e9}")])
            tar.add("l", pax: [("linkpath", "e\u{301}")]) { $0.type = "2" }
        },
        NastyLayer(
            "a newline, a backslash and an escape",
            .tree([file("\\x1b[2J"), file("a\\x0ab"), file("c\\x5cd")])
        ) { tar, _ in
            tar.add("a\nb")
            tar.add("c\\d")
            tar.add("\u{1b}[2J")
        },
        NastyLayer("a NUL in a pax path", .tree([file("a")])) {
            tar, _ in tar.add("x", pax: [("path", "a\u{0}b")])
        },
        NastyLayer(
            "times before 1970 and after the file system's",
            .tree([file("far"), file("past")])
        ) { tar, _ in
            tar.add("past", pax: [("mtime", "-1000000000.5")])
            tar.add("far") { $0.rawTime = [0x80] + [UInt8](repeating: 0x7f, count: 11) }
        },
        NastyLayer(
            "a deep path",
            .tree(
                (1...200).map { directory(Array(repeating: "d", count: $0).joined(separator: "/")) }
            )
        ) { tar, _ in
            tar.add("x", pax: [("path", String(repeating: "d/", count: 200))]) {
                ($0.type, $0.mode) = ("5", 0o755)
            }
        },
    ]

    static let headers: [NastyLayer] = [
        NastyLayer("a wrong checksum", .refused(.layerDamaged, entry: "", "tar")) {
            tar, _ in
            tar.add("a")
            tar.add("x") { $0.hasBadChecksum = true }
        },
        NastyLayer("a negative size", .refused(.layerDamaged, entry: "", "tar")) {
            tar, _ in tar.add("x") { $0.rawSize = [UInt8](repeating: 0xff, count: 12) }
        },
        NastyLayer("a size beyond the tar", .refused(.layerDamaged, entry: "x", "tar")) {
            tar, _ in tar.add("x", "data") { $0.size = 1 << 30 }
        },
        NastyLayer("a broken record", .refused(.layerDamaged, entry: "", "pax")) { tar, _ in
            tar.add("x", records: Array("99 path=elsewhere\n".utf8))
            tar.add("x")
        },
        NastyLayer("a global header", .tree([file("x")])) { tar, _ in
            tar.add("g", records: Tar.record("comment", Array("0123abcd".utf8)))
            tar.add("x")
        },
        NastyLayer(
            "a file of 4 TiB that is a hole", .tree([file("x", 4 << 40)])
        ) { tar, _ in
            let map = Array("1\n\(4 << 40)\n0\n".utf8)
            let data = map + [UInt8](repeating: 0, count: 512 - map.count)
            tar.add(
                Array("x".utf8), data,
                pax: [
                    ("GNU.sparse.major", Array("1".utf8)), ("GNU.sparse.minor", Array("0".utf8)),
                    ("GNU.sparse.name", Array("x".utf8)),
                    ("GNU.sparse.realsize", Array("\(4 << 40)".utf8)),
                ])
        },
        NastyLayer(
            "a hole that no file system has", .refused(.layerTooLarge, entry: "x", "EFBIG")
        ) { tar, _ in
            let size = Int64.max - 1
            let map = Array("1\n\(size)\n0\n".utf8)
            let data = map + [UInt8](repeating: 0, count: 512 - map.count)
            tar.add(
                Array("x".utf8), data,
                pax: [
                    ("GNU.sparse.major", Array("1".utf8)), ("GNU.sparse.minor", Array("0".utf8)),
                    ("GNU.sparse.name", Array("x".utf8)),
                    ("GNU.sparse.realsize", Array("\(size)".utf8)),
                ])
        },
    ]

    static let streams: [NastyLayer] = [
        NastyLayer(bytes: "no byte at all", .tree([])) { _ in ([], []) },
        NastyLayer(bytes: "only the end", .tree([])) { _ in
            let end = [UInt8](repeating: 0, count: 1024)
            return (end, end)
        },
        NastyLayer(bytes: "no end", .tree([file("f", 4)])) { tar in
            (Array(tar.dropLast(1024)), Array(tar.dropLast(1024)))
        },
        NastyLayer(bytes: "cut in a header", .refused(.layerDamaged, entry: "", "tar")) { tar in
            (Array(tar.prefix(300)), Array(tar.prefix(300)))
        },
        NastyLayer(bytes: "cut in a file", .refused(.layerDamaged, entry: "f", "tar")) { tar in
            (Array(tar.prefix(514)), Array(tar.prefix(514)))
        },
        NastyLayer(bytes: "bytes after the end", .tree([file("f", 4)])) { tar in
            let more = tar + Array("../x no header".utf8)
            return (more, more)
        },
        NastyLayer(bytes: "many bytes after the end", .tree([file("f", 4)])) { tar in
            let more = tar + Tar.noise(400_000)
            return (try gzipped(more), more)
        },
        NastyLayer(bytes: "two tars", .tree([file("f", 4)])) { tar in
            var second = Tar()
            second.add("g")
            return (tar + second.whole, tar + second.whole)
        },
        NastyLayer(bytes: "no tar", .refused(.layerDamaged, entry: "", "tar")) { _ in
            let text = Array(String(repeating: "no tar at all ", count: 100).utf8)
            return (text, text)
        },
        NastyLayer(bytes: "gzip", .tree([file("f", 4)])) { tar in (try gzipped(tar), tar) },
        NastyLayer(
            bytes: "gzip of nothing", .refused(.layerDamaged, entry: "", "the compressed stream")
        ) { _ in (try gzipped([]), []) },
        NastyLayer(bytes: "gzip in two members", .tree([file("f", 4)])) { tar in
            (try gzipped(Array(tar.prefix(600))) + gzipped(Array(tar.dropFirst(600))), tar)
        },
        NastyLayer(bytes: "bytes after gzip", .tree([file("f", 4)])) { tar in
            (try gzipped(tar) + Array("junk".utf8), tar)
        },
        NastyLayer(
            bytes: "gzip, cut", .refused(.layerDamaged, entry: "", "the compressed stream")
        ) { tar in (Array(try gzipped(tar).dropLast(20)), tar) },
        NastyLayer(bytes: "gzip in gzip", .refused(.layerDamaged, entry: "", "tar")) { tar in
            let once = try gzipped(tar)
            return (try gzipped(once), once)
        },
        NastyLayer(bytes: "xz", .refused(.layerDamaged, entry: "", "tar")) { tar in
            let xz = try compressed(tar, "xz")
            return (xz, tar)
        },
        NastyLayer(bytes: "zstd", .tree([file("f", 4)])) { tar in
            (try compressed(tar, "zstd -q"), tar)
        },
        NastyLayer(bytes: "zstd in two frames", .tree([file("f", 4)])) { tar in
            let (one, two) = (Array(tar.prefix(600)), Array(tar.dropFirst(600)))
            return (try compressed(one, "zstd -q") + compressed(two, "zstd -q"), tar)
        },
        NastyLayer(bytes: "zstd with skippable frames", .tree([file("f", 4)])) { tar in
            let skipped: [UInt8] = [0x5a, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]
            return (skipped + (try compressed(tar, "zstd -q")) + skipped, tar)
        },
        NastyLayer(
            bytes: "zstd, cut", .refused(.layerDamaged, entry: "", "the compressed stream")
        ) { tar in (Array(try compressed(tar, "zstd -q").dropLast(8)), tar) },
        NastyLayer(
            bytes: "bytes after zstd", .refused(.layerDamaged, entry: "", "the compressed stream")
        ) { tar in (try compressed(tar, "zstd -q") + Array("junk".utf8), tar) },
        NastyLayer(
            bytes: "zstd with a window of 2 GiB",
            .refused(.layerDamaged, entry: "", "the compressed stream")
        ) { tar in
            // A frame header (RFC 8878, 3.1.1.1) with the window descriptor of 2 GiB.
            ([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00], tar)
        },
    ]
}
