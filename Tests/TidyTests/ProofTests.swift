// Tests/PROOF.md compared with the tests: what it names exists, and no law is missing.

import Foundation
import Testing

@Suite struct Proof {
    private struct Row {
        let section: Substring
        let cells: [String]

        /// The names in backquotes in the column of the tests.
        var tests: [String] {
            let column = section == "Laws" ? 3 : 1
            guard cells.count > column else { return [] }
            return cells[column].matches(of: /`([^`]+)`/).map { String($0.output.1) }
        }
    }

    /// The rows of both tables, without their headings.
    private func rows() throws -> [Row] {
        var (section, rows): (Substring, [Row]) = ("", [])
        let text = try String(contentsOfFile: SourceFile.root + "/Tests/PROOF.md", encoding: .utf8)
        for line in text.split(separator: "\n") {
            if line.hasPrefix("## ") { section = line.dropFirst(3) }
            guard line.hasPrefix("|") else { continue }
            let cells = line.dropFirst().dropLast().components(separatedBy: "|")
                .map { $0.trimmingCharacters(in: .whitespaces) }
            if ["law", "fault"].contains(cells[0]) || cells[0].hasPrefix("-") { continue }
            rows.append(Row(section: section, cells: cells))
        }
        return rows
    }

    /// All names of tests: display names, functions with their labels, and the literals that form
    /// classes of cases. Interpolations match any text.
    private struct Names {
        var exact: Set<String> = []
        var patterns: [[String]] = []

        init() throws {
            for file in try SourceFile.all(below: "Tests") where file.isSwift {
                let text = file.lines.joined(separator: "\n")
                for match in text.matches(of: /@Test\(\s*"((?:[^"\\]|\\.)*)"/) {
                    exact.insert(String(match.output.1))
                }
                for match in text.matches(of: /@Test(?s:.*?)func (\w+)\(([^)]*)\)/) {
                    exact.insert(printed(match.output.1, match.output.2))
                }
                guard file.path.hasPrefix("Tests/MachineTests/") else { continue }
                for match in text.matches(of: /"((?:[^"\\\n]|\\\([^"\n]*?\)|\\.)*)"/) {
                    patterns.append(parts(String(match.output.1)))
                }
            }
            let prove = try String(
                contentsOfFile: SourceFile.root + "/scripts/prove", encoding: .utf8)
            for match in prove.matches(of: /extra\.add\("([^"]*)"/) {
                exact.insert(String(match.output.1))
            }
        }

        /// A name such as `fails(_:victim:)`.
        private func printed(_ function: Substring, _ parameters: Substring) -> String {
            let labels = parameters.split(separator: ",").map { parameter in
                parameter.trimmingCharacters(in: .whitespaces).prefix { $0 != " " && $0 != ":" }
            }
            return "\(function)(" + labels.map { $0 + ":" }.joined() + ")"
        }

        /// The fixed parts of a literal around its interpolations.
        private func parts(_ literal: String) -> [String] {
            literal.split(separator: /\\\([^)]*\)/, omittingEmptySubsequences: false)
                .map(String.init)
        }

        func has(_ name: String) -> Bool {
            if exact.contains(name) { return true }
            let isPrefix = name.hasSuffix("*")
            let bare = isPrefix ? String(name.dropLast()) : name
            if isPrefix && exact.contains(where: { $0.hasPrefix(bare) }) { return true }
            let meant = bare.hasPrefix("fault: ") ? String(bare.dropFirst(7)) : bare
            return patterns.contains { fits(meant, $0, isPrefix: isPrefix) }
        }

        private func fits(_ name: String, _ parts: [String], isPrefix: Bool) -> Bool {
            guard let first = parts.first, let last = parts.last else { return false }
            guard parts.count > 1 || isPrefix else { return name == first }
            // A pattern with too little fixed text fits everything, and proves nothing.
            guard first.utf8.count >= 6 || last.utf8.count >= 8 else { return false }
            if isPrefix { return first.utf8.count >= 6 && name.hasPrefix(first) }
            return name.hasPrefix(first) && name.hasSuffix(last)
                && name.utf8.count > first.utf8.count + last.utf8.count
        }
    }

    @Test("each test and each class of cases that Tests/PROOF.md names exists")
    func namesExist() throws {
        let (rows, names) = (try rows(), try Names())
        #expect(!names.has("no such test"))
        #expect(!names.has("fault: no such fault"))
        for row in rows {
            #expect(!row.tests.isEmpty, "\(row.cells[0]) names no test")
            for name in row.tests {
                #expect(names.has(name), "\(row.cells[0]): no test is called \(name)")
            }
        }
    }

    @Test("each law has a row with the sabotage that its test was seen to fail under")
    func lawsHaveSabotages() throws {
        let laws = try rows().filter { $0.section == "Laws" }
        let wanted =
            (1...17).map(String.init) + (1...7).map { "S\($0)" } + (1...3).map { "Lv\($0)" }
        for law in wanted {
            let found = laws.filter { $0.cells[0].hasPrefix(law + " ") }
            #expect(!found.isEmpty, "law \(law) has no row")
            for row in found {
                #expect(row.cells.count == 5 && !row.cells[4].isEmpty, "law \(law): no sabotage")
            }
        }
    }
}
