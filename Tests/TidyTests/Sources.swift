// The sources as the rules see them: lines without comments.

import Foundation

struct SourceFile: Sendable {
    /// A path such as `Sources/Teardown/Teardown.swift`.
    let path: String
    let lines: [String]

    /// The lines without their comments, so that a comment may name what a rule forbids.
    var code: [String] {
        lines.map { line in
            guard let start = line.range(of: "//") else { return line }
            // A URL in a string is no comment.
            return line[..<start.lowerBound].last == ":" ? line : String(line[..<start.lowerBound])
        }
    }

    /// `Sources/X/…` → `X`.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    var isSwift: Bool { path.hasSuffix(".swift") }

    init(path: String, lines: [String]) {
        self.path = path
        self.lines = lines
    }

    init(path: String) throws {
        let text = try String(contentsOfFile: "\(SourceFile.root)/\(path)", encoding: .utf8)
        self.init(path: path, lines: text.components(separatedBy: "\n"))
    }

    /// Every Swift and C file below a folder of the package, or every file with another extension.
    static func all(
        below folder: String, endingWith endings: [String] = [".swift", ".c", ".h"]
    ) throws -> [SourceFile] {
        let found = FileManager.default.enumerator(atPath: root + "/" + folder)
        var files: [SourceFile] = []
        while let name = found?.nextObject() as? String {
            guard endings.contains(where: name.hasSuffix) else { continue }
            files.append(try SourceFile(path: "\(folder)/\(name)"))
        }
        return files.sorted { $0.path < $1.path }
    }

    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
}

/// A place that breaks a rule, in a form that an editor can jump to.
func places(_ files: [SourceFile], where breaks: (String) -> Bool) -> [String] {
    files.flatMap { file in
        file.code.enumerated().filter { breaks($0.element) }
            .map {
                "\(file.path):\($0.offset + 1): \($0.element.trimmingCharacters(in: .whitespaces))"
            }
    }
}

extension String {
    /// Whether the text contains the word as a whole word.
    func hasWord(_ word: String) -> Bool {
        ranges(of: word).contains { range in
            let before =
                range.lowerBound == startIndex ? nil : self[index(before: range.lowerBound)]
            let after = range.upperBound == endIndex ? nil : self[range.upperBound]
            return ![before, after].contains {
                $0.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
            }
        }
    }
}
