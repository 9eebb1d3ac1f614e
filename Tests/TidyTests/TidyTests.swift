// The rules that matter, as tests: in a document they are advice, in the suite they are facts.

import Foundation
import Testing

@Suite struct Tidy {
    let sources: [SourceFile]
    let tests: [SourceFile]

    init() throws {
        sources = try SourceFile.all(below: "Sources")
        tests = try SourceFile.all(below: "Tests")
    }

    @Test("our sources do not import Foundation")
    func noFoundation() {
        #expect(places(sources) { $0.contains("import Foundation") } == [])
    }

    @Test("an ignored failure has a reason, and no try?")
    func noSilentFailures() {
        #expect(places(sources) { $0.contains("try?") || $0.contains("try!") } == [])
    }

    /// The targets that call C and may use `unsafe`. They are small enough to read in full.
    static let fence: Set = [
        "Kernel", "Linux", "JSON", "HTTP", "Bytes", "Store", "Failpoints", "Client", "Seccomp",
        "Archive", "Hashing",
    ]
    /// The files outside of the fence that use `unsafe`, with the reason.
    static let wrapperUsers: Set = [
        "Sources/API/OpenAPIDocument.swift",  // COpenAPI: the bytes that the document is
        "Sources/Netlink/NetlinkSocket.swift",  // CLinux: sends and receives bytes
        "Sources/EventLoop/Reactor.swift",  // Swift has no safe way to run a job
        "Sources/Fetch/FetchSecrets.swift",  // clears what it has read
        "Sources/Fetch/Base64.swift",  // nettle: base64
        "Sources/Fetch/TOML.swift",  // CTOML: text in, text out
        "Sources/Fetch/Transfer.swift",  // libcurl: one request
        "Sources/Fetch/TransferLoop.swift",  // libcurl: all requests of the thread
    ]

    @Test("unsafe stays inside the fence")
    func unsafeIsFenced() {
        let outside = sources.filter {
            $0.isSwift && !Tidy.fence.contains($0.target) && !Tidy.wrapperUsers.contains($0.path)
        }
        let words = ["unsafe", "@unchecked", "UnsafePointer", "UnsafeRawPointer", "Unmanaged"]
        #expect(places(outside) { line in words.contains(where: line.hasWord) } == [])
    }

    @Test("the teardown reads no clock and has no deadline")
    func teardownHasNoClock() {
        let teardown = sources.filter { $0.target == "Teardown" }
        let banned = [
            "Duration", "Clock", "Instant", "Timestamp", "deadline", "imeout", "sleep(", "try?",
            "clock_gettime", "seconds",
        ]
        #expect(!teardown.isEmpty)
        #expect(places(teardown) { line in banned.contains(where: line.contains) } == [])
    }

    @Test("no line is longer than 100 characters")
    func lines() {
        let long = (sources + tests).flatMap { file in
            file.lines.enumerated().filter { $0.element.count > 100 }
                .map { "\(file.path):\($0.offset + 1)" }
        }
        #expect(long == [])
    }

    @Test("no function is longer than 70 lines")
    func functions() {
        let long = (sources + tests).filter(\.isSwift).flatMap(functionLengths)
            .filter { $0.lines > 70 }.map { "\($0.name): \($0.lines) lines" }
        #expect(long == [])
    }

    @Test("a function's length is measured")
    func functionsAreMeasured() {
        let body = Array(repeating: "        print()", count: 80)
        let lines = ["struct S {", "    func long() {"] + body + ["    }", "    var x = 1", "}"]
        let found = functionLengths(SourceFile(path: "x.swift", lines: lines))
        #expect(found.map(\.lines) == [82])
    }

    /// Programs for people and tests, which read only what we write.
    static let toolTargets: Set = ["Churn", "staunch-churn", "staunch-simulate", "Simulation"]
    /// The other files that split text by characters, with the reason.
    static let characterUsers: Set = [
        "Sources/Census/Marks.swift",  // its slices are of bytes
        "Sources/Failpoints/Plan.swift",  // only with STAUNCH_FAILPOINTS; it reads our argv
    ]

    @Test("text is cut and compared by bytes, with the functions of Bytes/ByteText.swift")
    func bytesAndNotCharacters() {
        let outside = sources.filter {
            $0.isSwift && !Tidy.toolTargets.contains($0.target)
                && !Tidy.characterUsers.contains($0.path)
                && cutsCharacters($0.code.joined(separator: "\n"))
        }
        #expect(places(outside, where: cutsCharacters) == [])
    }

    @Test(
        "each way to cut text by characters is found",
        arguments: [
            #"x.split(separator: ",")"#, #"x.split(whereSeparator: f)"#, #"x.hasPrefix("a")"#,
            #"x.hasSuffix(y)"#, "x.lowercased()", "x.uppercased()", #"x.firstIndex(of: "=")"#,
            #"x.lastIndex(of: "/")"#, #"x.prefix { $0 != "\n" }"#, #"x.drop { $0 == "/" }"#,
            #"x.drop(while: { $0 == " " })"#, #"x.contains(":")"#, #"x.contains("\\")"#,
            "x.drop(while: \\.isWhitespace)", "c.isNumber", "c.isNewline", "c.isLetter",
            "x.dropFirst(y.count)", "x.dropFirst(y.utf8.count + 1)", "x.prefix(y.count)",
            "String(x.dropFirst(3))", "for character in x {", "let c: Character",
        ])
    func charactersAreSeen(line: String) { #expect(cutsCharacters(line)) }

    @Test(
        "functions on bytes are not found",
        arguments: [
            "x.utf8.dropFirst(y.utf8.count)", #"x.utf8.split(separator: UInt8(ascii: "/"))"#,
            #"names.contains("..")"#, "rest.dropFirst(3)", #"x.fields(",")"#, "x.lowered",
        ])
    func bytesAreFine(line: String) { #expect(!cutsCharacters(line)) }

    @Test("an internal fault is made in one place, which logs its id and its cause")
    func internalFaultsAreLogged() {
        let table: Set = ["ProblemCode.swift", "ProblemTexts.swift"]
        let outside = sources.filter { file in
            file.isSwift && !table.contains { file.path.hasSuffix("/Documents/\($0)") }
        }
        #expect(
            places(outside) { $0.contains(".internalFault") }.map { $0.prefix { $0 != ":" } }
                == ["Sources/Documents/Problem.swift"])
        #expect(
            places(outside) { $0.contains("Problem(internal:") }.map { $0.prefix { $0 != ":" } }
                == ["Sources/API/InternalFault.swift"])
    }

    @Test("the engine knows no problem documents: it refuses by `Refusal`")
    func engineKnowsNoProblems() {
        let engine = sources.filter { $0.isSwift && $0.target == "Engine" }
        let words = ["Problem", "ProblemCode"]
        #expect(places(engine) { line in words.contains(where: line.hasWord) } == [])
    }

    @Test("every metric that is declared is used")
    func metricsAreUsed() {
        let pattern = /package (?:static )?let (\w+)(?:: \w+)? = .*\b(?:Counter|Gauge|Histogram)/
        let declared = sources.filter { $0.target == "Metrics" }.flatMap(\.code)
            .compactMap { $0.firstMatch(of: pattern)?.output.1 }
        let others = sources.filter { $0.target != "Metrics" && $0.isSwift }.flatMap(\.code)
        let unused = declared.filter { name in !others.contains { $0.hasWord(String(name)) } }
        #expect(unused == [])
    }
}

/// Whether a text splits another by grapheme clusters, which swallow separators (law 23). It is one
/// Foundation pattern, because all sources are searched with it.
private func cutsCharacters(_ text: String) -> Bool {
    let marks = [
        #"\.split\(separator: ""#, #"\.split\(whereSeparator:"#, #"\.has(Prefix|Suffix)\("#,
        #"\.(lower|upper)cased\("#, #"\.(first|last)Index\(of: ""#,
        #"\.contains\("([^"\\]|\\.)"\)"#, #"\.(prefix|drop)(\(while:)? ?\{ \$0 [!=]= ""#,
        #"\bcharacter in\b"#, #"\bCharacter\b"#, #"\.is(Whitespace|Newline|Number|Letter)\b"#,
        #"String\((?!decoding)[^()\n]*\.drop(First|Last)\("#,
        #"(?<!utf8)\.(dropFirst|dropLast|prefix|suffix)\([^()\n]*\.count"#,
    ]
    return text.range(of: marks.joined(separator: "|"), options: .regularExpression) != nil
}

/// The length of each function, initializer and accessor with a body that the formatter laid out:
/// from its first line to the closing brace in the same column.
func functionLengths(_ file: SourceFile) -> [(name: String, lines: Int)] {
    let start = /^( *)(?:[@\w()]+ )*(?:func|init|deinit)\b.*/
    return file.code.enumerated().compactMap { index, line in
        guard let indent = line.wholeMatch(of: start)?.output.1 else { return nil }
        let rest = file.lines[index...]
        let end = rest.firstIndex { $0.hasPrefix(indent + "}") }
        // A protocol's requirement has no body: another line in its column follows it.
        let next = rest.dropFirst().firstIndex { isStart($0, in: indent) }
        let opens = rest.firstIndex { $0.hasSuffix("{") }
        guard let end, let opens, opens < end, opens < next ?? .max else { return nil }
        return ("\(file.path):\(index + 1)", end - index + 1)
    }
}

/// Whether something begins in that column, except the end of a signature.
private func isStart(_ line: String, in indent: Substring) -> Bool {
    guard line.hasPrefix(indent), let first = line.dropFirst(indent.count).first else {
        return false
    }
    return first.isLetter || first == "@" || first == "/" || first == "#"
}
