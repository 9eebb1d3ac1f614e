// Reads the output of iptables-save(8), with the quotes of its comments.

import Bytes

/// The chains and rules of one family.
package struct IPTablesSave: Equatable, Sendable {
    package struct Rule: Equatable, Sendable {
        package let table: String
        package let chain: String
        /// The rule's text after the chain, byte for byte, as iptables-restore reads it.
        let text: [UInt8]
        package let comments: [String]
        /// The chain or the target of `-j` or `-g`.
        package let target: String?
    }

    package struct Chain: Equatable, Hashable, Sendable {
        package let table: String
        package let name: String
    }

    package private(set) var chains: [Chain] = []
    package private(set) var rules: [Rule] = []
    /// Notes of iptables-save about tables or chains that it cannot show. Their rules are not seen.
    package private(set) var unreadable: [String] = []

    /// Reads any bytes. A comment may contain line breaks and quotes, so quotes decide where a line
    /// ends. Unknown text is passed over.
    package init(_ bytes: [UInt8]) {
        var table = ""
        var scanner = SaveScanner(bytes)
        while let line = scanner.next() {
            switch bytes[line.range.lowerBound] {
            case UInt8(ascii: "*"):
                table = String(decoding: bytes[line.range].dropFirst(), as: UTF8.self)
            case UInt8(ascii: ":"):
                let name = bytes[line.range].dropFirst().prefix { $0 != 0x20 }
                chains.append(Chain(table: table, name: String(decoding: name, as: UTF8.self)))
            case UInt8(ascii: "-"):
                if let rule = Rule(table, line, bytes) { rules.append(rule) }
            case UInt8(ascii: "#"): note(String(decoding: bytes[line.range], as: UTF8.self))
            default: break
            }
        }
    }

    /// `# Table `nat' is incompatible, use 'nft' tool.`, or "contains incompatible base-chains".
    private mutating func note(_ text: String) {
        if text.begins(with: "# Table `") { unreadable.append(excerpt(text)) }
    }
}

extension IPTablesSave.Rule {
    fileprivate init?(_ table: String, _ line: SaveScanner.Line, _ bytes: [UInt8]) {
        let words = line.words
        guard words.count > 2, words[0].text == Array("-A".utf8), !words[1].isQuoted else {
            return nil
        }
        self.table = table
        chain = words[1].string
        text = Array(bytes[words[2].start..<line.range.upperBound])
        // Options without values follow each other, so each word is looked at as an option.
        let pairs = zip(words.dropFirst(2), words.dropFirst(3)).filter { !$0.0.isQuoted }
        comments = pairs.filter { $0.0.text == commentOption }.map(\.1.string)
        target = pairs.last { targetOptions.contains($0.0.text) }?.1.string
    }
}

private let commentOption = Array("--comment".utf8)
private let targetOptions = [Array("-j".utf8), Array("-g".utf8)]
