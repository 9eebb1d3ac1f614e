// Cuts the output of iptables-save into lines and words.

/// A line ends at a line break that is not in quotes. In quotes a backslash precedes a quote or
/// another backslash (`xtables_save_string` in iptables' xtables.c).
struct SaveScanner {
    struct Word {
        /// The offset of the word's first byte, which may be a quote.
        let start: Int
        var text: [UInt8]
        var isQuoted: Bool

        var string: String { String(decoding: text, as: UTF8.self) }
    }

    struct Line {
        let range: Range<Int>
        let words: [Word]
    }

    private let bytes: [UInt8]
    private var index = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next line that is not empty; `nil` at the end.
    mutating func next() -> Line? {
        while index < bytes.count, bytes[index] == newline { index += 1 }
        guard index < bytes.count else { return nil }
        // Only rules have quoted words: the notes of iptables-save have apostrophes of their own.
        return bytes[index] == UInt8(ascii: "-") ? rule() : plain()
    }

    private mutating func plain() -> Line {
        let start = index
        while index < bytes.count, bytes[index] != newline { index += 1 }
        return Line(range: start..<index, words: [])
    }

    private mutating func rule() -> Line {
        let start = index
        var words: [Word] = []
        while index < bytes.count, bytes[index] != newline {
            if bytes[index] == space { index += 1 } else { words.append(word()) }
        }
        return Line(range: start..<index, words: words)
    }

    private mutating func word() -> Word {
        var word = Word(start: index, text: [], isQuoted: false)
        var isOpen = false
        while index < bytes.count {
            let byte = bytes[index]
            if !isOpen, byte == space || byte == newline { break }
            if byte == quote {
                isOpen.toggle()
                word.isQuoted = true
            } else if isOpen, byte == backslash, index + 1 < bytes.count {
                index += 1
                word.text.append(bytes[index])
            } else {
                word.text.append(byte)
            }
            index += 1
        }
        return word
    }
}

private let newline = UInt8(ascii: "\n")
private let space = UInt8(ascii: " ")
private let quote = UInt8(ascii: "\"")
private let backslash = UInt8(ascii: "\\")
