// Bytes as the kernel tells them, and as a line shows them.

import Linux

let newline = UInt8(ascii: "\n")
let space = UInt8(ascii: " ")

/// The whole file; `nil` where it cannot be read, as with a process that has just ended.
func bytes(_ path: String) -> [UInt8]? {
    do { return try Files.read(path, limit: 64 << 20) } catch { return nil }
}

/// The lines of a small file as text; none where it cannot be read.
func lines(_ path: String) -> [String] {
    (bytes(path) ?? []).split(separator: newline).map { String(decoding: $0, as: UTF8.self) }
}

/// The names in a directory of the kernel's own; none where there is none.
func listing(of directory: String) -> [String] {
    do { return try Files.names(in: directory) } catch { return [] }
}

/// Where a link of /proc leads; the file that it names is not touched.
func link(_ path: String) -> String? { Files.linkTarget(path).map { shown($0) } }

/// One line that no two names share: what is not printable ASCII, and the backslash, as `\xNN`.
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

/// A field of mountinfo, where space, tab, newline, backslash and more stand as three octal digits.
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
