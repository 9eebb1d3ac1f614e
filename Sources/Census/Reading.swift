// Reading of the kernel's files, and formatting for a line.

import Linux

let newline = UInt8(ascii: "\n")
let space = UInt8(ascii: " ")

/// The whole file; `nil` if it cannot be read, for example because the process has just ended.
func bytes(_ path: String) -> [UInt8]? {
    do { return try Files.read(path, limit: 64 << 20) } catch { return nil }
}

/// The lines of a small file as text; empty if the file cannot be read.
func lines(_ path: String) -> [String] {
    (bytes(path) ?? []).split(separator: newline).map { String(decoding: $0, as: UTF8.self) }
}

/// The names in a directory of the kernel; empty if there is no such directory.
func listing(of directory: String) -> [String] {
    do { return try Files.names(in: directory) } catch { return [] }
}

/// The target of a link in /proc; the target itself is not accessed.
func link(_ path: String) -> String? { Files.linkTarget(path).map { shown($0) } }

/// An unambiguous line: bytes other than printable ASCII, and the backslash, become `\xNN`.
func shown(_ bytes: some Sequence<UInt8>) -> String {
    var text: [UInt8] = []
    for byte in bytes {
        if byte >= space && byte < 0x7f && byte != UInt8(ascii: "\\") {
            text.append(byte)
        } else {
            text += Array("\\x".utf8) + [hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
        }
    }
    return String(decoding: text, as: UTF8.self)
}

private let hexDigits = Array("0123456789abcdef".utf8)

/// Decodes a field of mountinfo, in which space, tab, newline and backslash are octal escapes.
func unescaped(_ field: ArraySlice<UInt8>) -> [UInt8] {
    guard field.contains(UInt8(ascii: "\\")) else { return Array(field) }
    var result: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "\\"), rest.count >= 3,
            let value = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
        {
            result.append(value)
            rest = rest.dropFirst(3)
        } else {
            result.append(byte)
        }
    }
    return result
}

extension Collection<UInt8> {
    func contains(bytes needle: [UInt8]) -> Bool {
        guard let first = needle.first else { return true }
        var rest = self[...]
        while let start = rest.firstIndex(of: first) {
            rest = rest[start...]
            if rest.starts(with: needle) { return true }
            rest = rest.dropFirst()
        }
        return false
    }
}
