// The idioms and old names that the code and its documents avoid (CONTRIBUTING.md, "How the code
// reads"), as far as a pattern can find them.

import Foundation
import Testing

/// An idiom, the words to write instead, and the reason.
private struct Idiom: Sendable, CustomTestStringConvertible {
    /// A regular expression. A space matches the end of a line, too.
    let pattern: String
    let instead: String
    let because: String
    /// Texts that the pattern finds.
    let finds: [String]
    /// Similar texts that the pattern does not find.
    var passes: [String] = []

    var testDescription: String { pattern }

    /// The compiled pattern.
    var expression: NSRegularExpression {
        get throws { try Idiom.expression(pattern) }
    }

    static func expression(_ pattern: String) throws -> NSRegularExpression {
        try NSRegularExpression(pattern: pattern.replacing(" ", with: #"\s"#))
    }

    /// The places that contain the idiom, with the advice.
    func places(in file: Prose) throws -> [String] {
        try file.matches(of: expression).map { line, found in
            "\(file.path):\(line): \"\(found)\": write \(instead), because \(because)"
        }
    }

    static let all = pronouns + verbs + conditions + terms
}

extension Idiom {
    private static let noun = "each pronoun needs its noun in the same sentence"
    private static let term = "each concept has one word (glossary of Sources/README.md)"

    private static let pronouns = [
        Idiom(
            pattern: #"(?i)\bwho(?:m)?ever\b"#,
            instead: "\"the client that …\" or \"any process that …\"", because: noun,
            finds: ["whoever sends it", "Whomever"]),
        Idiom(
            pattern: #"(?i)(?<!user )(?<!group )(?<!["'])\b(?:some|every|any|no)body\b(?!["':])"#,
            instead: "\"a client\", \"no process\" or \"an operator\"", because: noun,
            finds: ["somebody waits", "for nobody"],
            passes: ["the user nobody", "\"nobody:x:65534\""]),
        Idiom(
            pattern: #"(?i)\b(?:ones?|those) (?:that|which|who|whose)\b"#,
            instead: "the noun again", because: noun,
            finds: ["one that waits", "those\nwho wait", "the one whose lock"],
            passes: ["those of a pod", "one of them"]),
        Idiom(
            pattern: #"(?i)\bwhat of (?:it|them)\b"#,
            instead: "\"the part of it that …\"", because: noun, finds: ["what of it is left"]),
        Idiom(
            pattern: #"(?i)\bwhose it (?:is|was)\b"#,
            instead: "\"that owns it\"", because: noun, finds: ["the daemon whose it is"]),
        Idiom(
            pattern: #"(?<=[.;] )Wh(?:at|o) (?![^.]*\?)"#,
            instead: "a subject with a noun", because: noun,
            finds: ["It ends. What is left stays.", "It waits; Who asks"],
            passes: ["It ends. What is left?", "A test. Whether it holds"]),
    ]

    private static let verbs = [
        Idiom(
            pattern: #"(?i)\bst(?:ands?|ood)\b(?!\(| (?:for|in for)\b)"#,
            instead: "\"exists\", \"is stored\" or \"contains\"",
            because: "a record does not stand",
            finds: ["the record stands", "no cgroup stood there"],
            passes: ["a letter stands for a kind", "it stands in for systemd", "understand"]),
        Idiom(
            pattern: #"(?i)\bg(?:ives?|ave|iving) way\b"#,
            instead: "\"is evicted\" or \"is canceled\"", because: term,
            finds: ["a connection gives way"], passes: ["gives a way"]),
        Idiom(
            pattern: #"(?i)\binsist(?:s|ed|ing|ence)?\b"#,
            instead: "\"retry\" or commitUntilAccepted", because: term,
            finds: ["a client that insists"], passes: ["consists"]),
        Idiom(
            pattern: #"(?i)\bmend(?:s|ed|ing)?\b"#,
            instead: "\"repair\"", because: term,
            finds: ["it is mended"], passes: ["recommended"]),
    ]

    private static let conditions = [
        Idiom(
            pattern: #"(?i)\bwhere (?:there|nothing|none) (?:is|are|was|were)\b"#,
            instead: "\"if\"", because: "\"where\" names a place, and \"if\" a condition",
            finds: ["0 where there is none"], passes: ["where it is", "the place where a pod is"]),
        Idiom(
            pattern: #"(?i)\bmanieth\b"#,
            instead: "\"the index, counted from 1\"", because: "it is not a word",
            finds: ["the how manieth"]),
        Idiom(
            pattern: #"(?i)\b(?:as|than) may be\b"#,
            instead: "\"the limit\"", because: "a limit has a name", finds: ["as many as may be"],
            passes: ["as it may be"]),
    ]

    private static let terms = [
        Idiom(
            pattern: #"(?i)\bstrays?\b(?!\.remove)"#,
            instead: "\"orphan\"", because: term, finds: ["a stray cgroup"],
            passes: ["astray", "an old record's stray.remove"]),
        Idiom(
            pattern: #"(?i)\bsweeps?\b"#,
            instead: "\"removal of orphans\" or OrphanCollector", because: term,
            finds: ["the next sweep"], passes: ["sweeper"]),
        Idiom(
            pattern: #"(?i)\b(?:the account\b(?! of)|no account\b)"#,
            instead: "\"the audit\"", because: term, finds: ["the account is balanced"],
            passes: ["the account of the damage", "a service account"]),
        Idiom(
            pattern: #"(?i)\b(?:a|the) crowds?\b"#,
            instead: "\"many clients\" or \"the suspended connections\"", because: term,
            finds: ["a crowd of clients"], passes: ["crowd(bench, 5)"]),
        Idiom(
            pattern: #"(?i)\bclean-ups?\b"#,
            instead: "\"cleanup\"", because: term, finds: ["the clean-up"], passes: ["cleans up"]),
        Idiom(
            pattern: #"(?i)\b(?:shim|daemon)'s line\b|\bline to (?:a|the|its) (?:shim|daemon)\b"#,
            instead: "\"connection\"", because: "a line is text", finds: ["the line to the shim"],
            passes: ["a line of text", "it writes a line to the runtime's log"]),
        Idiom(
            pattern: #"\b(?:Host|Fake)Ground\b|\bSighting|\bObstacle|\bPodOwner\b"#
                + #"|\bShim(?:Care|Starter|Link|Line)\b|\bComplaint|\bInsistence\b"#
                + #"|\bisWayDown\b|\bWorkshop\b|\bProcessFiles\b"#,
            instead: "the name of today: LinuxHost, SimulatedHost, StepOutcome, Blocker, "
                + "PodController, ShimSupervisor, ShimClient, RetryingClient, Terminal, ProcFS",
            because: "the type has been renamed",
            finds: ["a FakeGround", "an Obstacle", "let care = ShimCare()"],
            passes: ["a SimulatedHost", "no obstacle"]),
    ]
}

@Suite struct Words {
    @Test("texts avoid idioms that have a plain form, and old names")
    func idioms() throws {
        let files = try Prose.all()
        try #require(files.count > 400)
        try #require(files.contains { $0.path == "openapi/staunch.json" })
        // One search for all idioms, because few files contain any.
        let any = try Idiom.expression(
            Idiom.all.map { "(?:\($0.pattern))" }.joined(separator: "|"))
        for file in files where !file.matches(of: any).isEmpty {
            for place in try Idiom.all.flatMap({ try $0.places(in: file) }) {
                Issue.record(Comment(rawValue: place))
            }
        }
    }

    @Test("each idiom is found, and similar texts are not", arguments: Idiom.all)
    private func found(_ idiom: Idiom) throws {
        for text in idiom.finds {
            #expect(try idiom.places(in: Prose(path: "x", text: text)).count == 1, "\(text)")
        }
        for text in idiom.passes {
            #expect(try idiom.places(in: Prose(path: "x", text: text)) == [], "\(text)")
        }
    }

    @Test("an idiom is found in a comment of two lines, and the place has its number")
    func foundInComments() throws {
        let text = "import Glibc\n    /// Only those\n    /// that wait."
        let file = Prose(path: "x.swift", text: text)
        let places = try Idiom.all.flatMap { try $0.places(in: file) }
        #expect(places.count == 1)
        #expect(places.first?.hasPrefix("x.swift:2: \"those that\": write the noun again") == true)
    }

    @Test("a quoted name in a document is not an idiom")
    func quotedNames() throws {
        let file = Prose(path: "x.md", text: "`stray.remove` is `orphan.remove`")
        #expect(try Idiom.all.flatMap { try $0.places(in: file) } == [])
    }

    @Test("lines of documents, except tables, have at most 130 characters")
    func documentLines() throws {
        let documents = try Prose.all().filter { $0.path.hasSuffix(".md") }
        try #require(documents.count > 6)
        let long = documents.flatMap { document in
            document.lines.enumerated()
                .filter { $0.element.count > 130 && !$0.element.hasPrefix("|") }
                .map { "\(document.path):\($0.offset + 1)" }
        }
        #expect(long == [])
    }
}

/// A file with text for people, without the marks of its comments.
private struct Prose {
    let path: String
    let lines: [String]
    private let text: NSString

    init(path: String, text: String) {
        self.path = path
        let lines = text.components(separatedBy: "\n")
        self.lines = lines
        // Names in backquotes may be old names, which a change log has to mention.
        let (pattern, instead) = path.hasSuffix(".md") ? ("`[^`\n]*`", "`…`") : (Prose.marks, "")
        let plain = text.replacingOccurrences(
            of: pattern, with: instead, options: .regularExpression)
        self.text = NSString(string: plain)
    }

    /// The beginning of a comment's line, in any of our languages.
    private static let marks = #"(?m)^[ \t]*(?://+|/\*|\*|#)[ \t]?"#

    /// Each match, with the number of its first line, counted from 1.
    func matches(of idiom: NSRegularExpression) -> [(line: Int, found: String)] {
        idiom.matches(in: text as String, range: NSRange(0..<text.length)).map { match in
            let before = text.substring(to: match.range.location)
            let found = text.substring(with: match.range).replacing("\n", with: " ")
            return (before.count { $0 == "\n" } + 1, found)
        }
    }

    static func all() throws -> [Prose] {
        let folders = ["Sources", "Tests", "scripts", "openapi", "packaging", ".ci"]
        let names = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Dockerfile", "Package.swift"]
        // This file names the idioms.
        return try (names + folders.flatMap(files)).filter {
            $0 != "Tests/TidyTests/WordTests.swift"
        }.map { path in
            let bytes = try Data(contentsOf: URL(filePath: "\(SourceFile.root)/\(path)"))
            return Prose(path: path, text: String(decoding: bytes, as: UTF8.self))
        }
    }

    /// The files below a folder, without the fuzzers' samples and what Python has compiled.
    private static func files(_ folder: String) -> [String] {
        let root = SourceFile.root + "/" + folder
        let found = FileManager.default.enumerator(atPath: root)
        var files: [String] = []
        while let name = found?.nextObject() as? String {
            let kind = found?.fileAttributes?[.type] as? FileAttributeType
            if ["corpus", "__pycache__"].contains((name as NSString).lastPathComponent) {
                found?.skipDescendants()
            } else if kind == .typeRegular {
                files.append("\(folder)/\(name)")
            }
        }
        return files.sorted()
    }
}
