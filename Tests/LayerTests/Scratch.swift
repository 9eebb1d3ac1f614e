// Directories, runs of the program, and what a tree is: for the tests of this target.

import Archive
import Foundation
import Glibc
import Hashing
import Images
import Kernel
import LayerProtocol
import Linux

struct CommandFailed: Error { let text: String }

/// Runs a line of the shell to its end. Throws its output if it does not succeed.
@discardableResult
func shell(_ line: String, input: [UInt8]? = nil) throws -> String {
    let process = Process()
    let output = Foundation.Pipe()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", line]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let text = String(decoding: said, as: UTF8.self)
    guard process.terminationStatus == 0 else { throw CommandFailed(text: "\(line): \(text)") }
    return text
}

/// The program, which is built beside the tests.
let program: String = {
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    let beside = tests.deletingLastPathComponent().appendingPathComponent("staunch-layer").path
    return ProcessInfo.processInfo.environment["STAUNCH_LAYER"] ?? beside
}()

func sha256(_ bytes: [UInt8]) -> Digest { SHA256.digest(of: bytes) }

/// A directory of its own on a disk, with a neighbour that no layer may touch.
final class Scratch {
    let path: String
    let ingest: String
    let outside: String
    /// The outputs of the program.
    let runs: String

    init() throws {
        path = "/var/tmp/staunch-layer-\(UUID())"
        ingest = path + "/ingest"
        outside = path + "/outside"
        runs = path + ".runs"
        for directory in [path, ingest, outside, runs, path + "/ingest/x"] {
            try Files.makeDirectory(directory)
        }
        try Files.replace(outside + "/canary", Array("canary".utf8))
    }

    deinit {
        _ = try? shell("chattr -R -ia '\(path)' 2>&1; rm -rf --one-file-system '\(path)' '\(runs)'")
    }

    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// The ingest's own directory.
    var own: String { ingest + "/x" }
    var tree: String { own + "/fs" }

    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
        return self(name)
    }

    /// Everything but the content of the ingest, with the times of each change.
    func surroundings() throws -> [String] { try listing(path, skipping: own, withTimes: true) }
}

/// How a run of the program ended.
struct Run {
    let code: Int32
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var result: LayerResult? { LayerResult(output) }

    var refusal: LayerRefusal? {
        if case .refused(let refusal) = result { refusal } else { nil }
    }

    var description: LayerDescription? {
        if case .done(let description) = result { description } else { nil }
    }
}

/// A run of the program that may be going on.
final class Running {
    let pid: Int32
    private let output: String
    private let errors: String

    /// Descriptor 0 is `input`, and 3 and 4 are `others`.
    init(
        _ arguments: [String], input: String? = nil, others: [String] = [], in scratch: Scratch
    ) throws {
        output = "\(scratch.runs)/\(UUID())"
        errors = output + "-errors"
        let names: [(String, CInt)] =
            [
                (input ?? "/dev/null", O_RDONLY), (output, O_RDWR | O_CREAT),
                (errors, O_RDWR | O_CREAT),
            ] + others.map { ($0, O_RDWR | O_CREAT) }
        var numbers: [CInt] = []
        defer { for number in numbers { close(number) } }
        for (name, flags) in names {
            numbers.append(try OwnedDescriptor.opening(name, flags, mode: 0o600).release())
        }
        pid = try Command([program] + arguments).spawn(descriptors: numbers)
    }

    func kill() { Children.signal(pid, SIGKILL) }

    func wait() throws -> Run {
        var status: CInt = 0
        // SAFETY: the number lives for the call.
        guard unsafe waitpid(pid, &status, 0) == pid else { throw CommandFailed(text: "waitpid") }
        let code = status & 0x7f == 0 ? status >> 8 & 0xff : -(status & 0x7f)
        return Run(
            code: code, output: try Files.read(output, limit: 1 << 26),
            errors: try Files.text(errors))
    }
}

extension Scratch {
    /// Runs the program to its end.
    func run(
        _ arguments: [String], input: String? = nil, others: [String] = []
    ) throws -> Run {
        try Running(arguments, input: input, others: others, in: self).wait()
    }

    /// The arguments that unpack these bytes, whose tar is `tar`.
    func unpacking(
        _ blob: [UInt8], tar: [UInt8], _ change: (inout LayerCommand.Unpacking) -> Void = { _ in }
    ) throws -> LayerCommand.Unpacking {
        var request = LayerCommand.Unpacking(
            ingest: own, file: "blob.part", blob: sha256(blob), diffID: sha256(tar))
        request.mediaType = "application/vnd.oci.image.layer.v1.tar"
        change(&request)
        _ = try write("ingest/x/blob.part", blob)
        return request
    }

    func unpack(
        _ blob: [UInt8], tar: [UInt8]? = nil,
        _ change: (inout LayerCommand.Unpacking) -> Void = { _ in }
    ) throws -> Run {
        let request = try unpacking(blob, tar: tar ?? blob, change)
        return try run(LayerCommand.unpack(request).arguments())
    }
}

/// Each file below `path` in a line: kind, mode, owner, size or target, extended attributes, name.
/// The order is of the names' bytes; names are escaped.
func listing(
    _ path: String, skipping skipped: String? = nil, withTimes: Bool = false
) throws -> [String] {
    var lines: [String] = []
    func visit(_ bytes: [CChar], _ shown: [UInt8]) throws {
        if let skipped, Array(skipped.utf8CString) == bytes { return }
        var found = stat()
        // SAFETY: the path ends in NUL, and both live for the call.
        guard unsafe lstat(bytes, &found) == 0 else { throw CommandFailed(text: "lstat") }
        var line = try describe(bytes, found) + " " + EscapedName(shown).description
        if withTimes {
            line += " \(found.st_mtim.tv_sec).\(found.st_mtim.tv_nsec)"
            line += " \(found.st_ctim.tv_sec).\(found.st_ctim.tv_nsec) \(found.st_nlink)"
        }
        lines.append(line)
        guard found.st_mode & S_IFMT == S_IFDIR else { return }
        let directory = try OwnedDescriptor(adopting: open(bytes))
        let names = try directory.entries(subject: path).map(\.bytes)
            .sorted { $0.lexicographicallyPrecedes($1) }
        for name in names {
            let next = bytes.dropLast() + [47] + name.map { CChar(bitPattern: $0) } + [0]
            try visit(Array(next), shown.isEmpty ? name : shown + [47] + name)
        }
    }
    try visit(Array(path.utf8CString), [])
    return lines
}

private func open(_ path: [CChar]) throws -> CInt {
    let root = try OwnedDescriptor.directory("/")
    return try root.opening(entry: path, O_RDONLY).release()
}

private func describe(_ path: [CChar], _ found: stat) throws -> String {
    let mode = String(found.st_mode & 0o7777, radix: 8)
    let owner = "\(found.st_uid):\(found.st_gid)"
    switch found.st_mode & S_IFMT {
    case S_IFLNK:
        let target = try OwnedDescriptor.directory("/").linkTarget(of: path) ?? []
        return "l \(owner) ->\(EscapedName(target).description)"
    case S_IFDIR: return "d \(mode) \(owner)\(try attributes(path))"
    case S_IFREG: return "f \(mode) \(owner) \(found.st_size)\(try attributes(path))"
    case S_IFCHR: return "c \(mode) \(owner) \(found.st_rdev >> 8):\(found.st_rdev & 0xff)"
    case S_IFBLK: return "b \(mode) \(owner) \(found.st_rdev >> 8):\(found.st_rdev & 0xff)"
    case S_IFIFO: return "p \(mode) \(owner)"
    default: return "?"
    }
}

private func attributes(_ path: [CChar]) throws -> String {
    let file = OwnedDescriptor(adopting: try open(path))
    let names = try file.attributeNames().map { String(decoding: $0, as: UTF8.self) }.sorted()
    return names.isEmpty ? "" : " {\(names.joined(separator: ","))}"
}
