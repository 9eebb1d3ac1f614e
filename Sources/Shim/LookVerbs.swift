// Reads files that the daemon uses and did not make: a runtime, a profile. Their disk may not
// answer, so a helper waits for it, without any of the daemon's descriptors (law 4).

import Bytes
import Kernel
import Linux

enum LookVerbs {
    /// The most bytes of a profile.
    private static let fileLimit = 1 << 20

    /// `found NAME DIR …`: writes the program's marks and its path.
    static func found(_ words: [String]) throws(SystemCallFailure) -> CInt {
        let program = try Files.program(words[0], in: Array(words.dropFirst()))
        try write(Array("\(program.marks) \(program.path)".utf8))
        return 0
    }

    /// `install PROGRAM DIR MARKS`: writes the program's marks, `new` or `old`, and the path of its
    /// copy below DIR. If its marks equal MARKS, it copies and writes nothing.
    static func install(_ words: [String]) throws(SystemCallFailure) -> CInt {
        let program = try Files.program(words[0], in: [])
        if program.marks.isSame(as: words[2]) { return 0 }
        let copy = try ProgramCopies(directory: words[1], name: "staunch-shim").add(program)
        try write(Array("\(program.marks) \(copy.isNew ? "new" : "old") \(copy.path)".utf8))
        return 0
    }

    /// `content FILE`.
    static func content(_ path: String) throws(SystemCallFailure) -> CInt {
        try write(try Files.readRegular(path, limit: fileLimit))
        return 0
    }

    /// `exec PROGRAM WORD …`.
    static func exec(_ words: [String]) throws(SystemCallFailure) -> CInt {
        throw Command(words).become()
    }

    /// `plugin PROGRAM [NAME=VALUE …]`: a plugin's environment is only what the protocol gives it.
    static func plugin(_ words: [String]) throws(SystemCallFailure) -> CInt {
        throw Command([words[0]], environment: Array(words.dropFirst())).become()
    }

    private static func write(_ bytes: [UInt8]) throws(SystemCallFailure) {
        try OwnedDescriptor(adopting: 1).writeAll(bytes)
    }
}
