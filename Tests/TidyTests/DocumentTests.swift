// The documents beside the code: what they name exists, and what the code refers to in them exists
// too.

import Foundation
import Testing

@Suite struct Documents {
    /// Each Markdown file, by its path from the root.
    private func documents() throws -> [SourceFile] {
        let below = try ["Sources", "Tests", "scripts", "openapi", "packaging"].flatMap {
            try SourceFile.all(below: $0, endingWith: [".md"])
        }
        return try ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(SourceFile.init) + below
    }

    @Test("the README fits on three screens")
    func readme() throws {
        #expect(try SourceFile(path: "README.md").lines.count <= 150)
    }

    @Test("links between documents have a target")
    func links() throws {
        let all = try documents()
        try #require(all.count > 6)
        for document in all {
            for line in document.lines {
                for link in line.matches(of: /\]\(([^)#]+)[^)]*\)/).map(\.output.1)
                where !link.hasPrefix("http") {
                    let path = "\(SourceFile.root)/\(document.folder)/\(link)"
                    #expect(exists(path), "\(document.path): \(link)")
                }
            }
        }
    }

    @Test("files that documents name exist")
    func files() throws {
        let sources = try ["Sources", "Tests"].flatMap { try SourceFile.all(below: $0) }.map(\.path)
        for document in try documents() where document.path != "Tests/PROOF.md" {
            for line in document.lines {
                let named = /`([A-Za-z+-][A-Za-z\/+-]+\.(?:swift|json|yaml|md))`/
                for name in line.matches(of: named).map({ String($0.output.1) }) {
                    let isThere =
                        exists("\(SourceFile.root)/\(name)")
                        || sources.contains { $0.hasSuffix("/" + name) }
                        || exists("\(SourceFile.root)/\(document.folder)/\(name)")
                    #expect(isThere, "\(document.path): \(name)")
                }
            }
        }
    }

    @Test("laws that comments refer to are in LAWS.md")
    func laws() throws {
        let text = try SourceFile(path: "Tests/LAWS.md").lines
        let numbers = Set(text.compactMap { $0.firstMatch(of: /^\| (\d+) \|/)?.output.1 })
        try #require(numbers.contains("25"))
        for file in try ["Sources", "Tests"].flatMap({ try SourceFile.all(below: $0) }) {
            for line in file.lines {
                for law in line.matches(of: /\b[Ll]aw (\d+)\b/).map(\.output.1) {
                    #expect(numbers.contains(law), "\(file.path): law \(law)")
                }
            }
        }
    }

    private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}

extension SourceFile {
    fileprivate var folder: String { (path as NSString).deletingLastPathComponent }
}
