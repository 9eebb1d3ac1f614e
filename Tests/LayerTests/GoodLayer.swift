// A layer with every kind of entry, each with what it may have, for comparison with other programs.

import Foundation

extension Tar {
    /// Bytes that do not compress to nothing, the same each time.
    static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
        var state = seed
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56) & 0x3f
        }
    }

    /// What GNU tar, umoci and we understand in the same way.
    static var good: Tar {
        var tar = Tar()
        tar.directory("./", mode: 0o755) { $0.mtime = 900_000_000 }
        tar.directory("bin", mode: 0o2755) { ($0.uid, $0.gid, $0.mtime) = (0, 5, 900_000_001) }
        for number in 0..<40 {
            tar.add(Array("bin/file\(number)".utf8), noise(number * 997, seed: UInt64(number))) {
                ($0.mode, $0.uid, $0.gid) = ([0o644, 0o755, 0o4755, 0o600][number % 4], number, 7)
                $0.mtime = 800_000_000 + number
            }
        }
        tar.hardLink("bin/again", to: "bin/file3")
        tar.link("bin/soft", to: "../usr/lib/x")
        tar.link("abs", to: "/usr/lib")
        tar.directory("usr/", mode: 0o700)
        tar.directory("usr/lib", mode: 0o1777) { $0.mtime = 700_000_000 }
        tar.add("usr/lib/x", "content") { $0.mtime = 1 }
        tar.add("usr/lib/pipe") { ($0.type, $0.mode) = ("6", 0o620) }
        tar.add("usr/lib/null") {
            ($0.type, $0.mode, $0.major, $0.minor) = ("3", 0o666, 1, 3)
        }
        tar.longName(Array("usr/lib/\(String(repeating: "long", count: 40))".utf8))
        tar.add("usr/lib/long", "long") { $0.format = .gnu }
        tar.add(
            "usr/lib/attributes", "a",
            pax: [("SCHILY.xattr.user.note", "hello"), ("mtime", "5.25")])
        tar.add(Array("usr/lib/big".utf8), noise(700_000))
        return tar
    }
}
