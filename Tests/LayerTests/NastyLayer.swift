// A layer that tries something, and what must come of it.

import Foundation
import LayerProtocol
import Testing

struct NastyLayer: Sendable, CustomTestStringConvertible {
    enum Outcome: Sendable {
        /// The lines of the listing of the tree, without the root's.
        case tree([String])
        /// The code, the escaped name of the entry, and a part of the detail.
        case refused(LayerRefusal.Code, entry: String, _ detail: String)
    }

    let name: String
    let outcome: Outcome
    /// Makes the blob and its tar. `outside` is the directory that the layer must not touch.
    let make: @Sendable (_ outside: String) throws -> (blob: [UInt8], tar: [UInt8])

    var testDescription: String { name }

    /// A layer that is a plain tar.
    init(
        _ name: String, _ outcome: Outcome,
        _ fill: @escaping @Sendable (inout Tar, String) -> Void
    ) {
        self.name = name
        self.outcome = outcome
        make = { outside in
            var tar = Tar()
            fill(&tar, outside)
            return (tar.whole, tar.whole)
        }
    }

    /// A layer whose blob or tar is made of the bytes of a small tar, which has the file `f`.
    init(
        bytes name: String, _ outcome: Outcome,
        _ make: @escaping @Sendable ([UInt8]) throws -> (blob: [UInt8], tar: [UInt8])
    ) {
        self.name = name
        self.outcome = outcome
        self.make = { _ in
            var tar = Tar()
            tar.add("f", "data")
            return try make(tar.whole)
        }
    }

    static func file(_ path: String, _ size: Int = 0, mode: String = "644") -> String {
        "f \(mode) 0:0 \(size) \(path)"
    }

    static func directory(_ path: String) -> String { "d 755 0:0 \(path)" }

    static func opaque(_ path: String) -> String { "d 755 0:0 {user.overlay.opaque} \(path)" }

    static func link(_ path: String, _ target: String) -> String { "l 0:0 ->\(target) \(path)" }

    static func whiteout(_ path: String) -> String { "c 0 0:0 0:0 \(path)" }
}

/// Compresses with a program.
func compressed(_ bytes: [UInt8], _ command: String) throws -> [UInt8] {
    let file = "/var/tmp/staunch-layer-\(UUID())"
    defer { do { try FileManager.default.removeItem(atPath: file) } catch {} }
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    try shell("\(command) <\(file) >\(file).out")
    defer { do { try FileManager.default.removeItem(atPath: file + ".out") } catch {} }
    return Array(try Data(contentsOf: URL(fileURLWithPath: file + ".out")))
}

func gzipped(_ bytes: [UInt8]) throws -> [UInt8] { try compressed(bytes, "gzip -n") }
