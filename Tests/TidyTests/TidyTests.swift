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

    @Test("our sources have no Foundation in them")
    func noFoundation() {
        #expect(places(sources) { $0.contains("import Foundation") } == [])
    }

    @Test("a failure is passed over by saying why, and not by try?")
    func noSilentFailures() {
        #expect(places(sources) { $0.contains("try?") || $0.contains("try!") } == [])
    }

    /// Who speaks with C, and may say `unsafe`: all of it can be read in these targets.
    static let fence: Set = ["Linux", "JSON", "HTTP", "Bytes", "Store", "Points", "Client"]
    /// Those that say it outside of the fence, and why.
    static let wrapperUsers: Set = [
        "Sources/API/OpenAPIDocument.swift",  // COpenAPI: the bytes that the document is
        "Sources/Engine/Reactor.swift",  // an executor: Swift has no safe way to run a job
    ]

    @Test("unsafe stays inside the fence")
    func unsafeIsFenced() {
        let outside = sources.filter {
            $0.isSwift && !Tidy.fence.contains($0.target) && !Tidy.wrapperUsers.contains($0.path)
        }
        let words = ["unsafe", "@unchecked", "UnsafePointer", "UnsafeRawPointer", "Unmanaged"]
        #expect(places(outside) { line in words.contains(where: line.hasWord) } == [])
    }

    @Test("the teardown reads no clock and knows no deadline")
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

    @Test("a function's length is seen")
    func functionsAreMeasured() {
        let body = Array(repeating: "        print()", count: 80)
        let lines = ["struct S {", "    func long() {"] + body + ["    }", "    var x = 1", "}"]
        let found = functionLengths(SourceFile(path: "x.swift", lines: lines))
        #expect(found.map(\.lines) == [82])
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

/// The lines of each function, initializer and accessor with a body that the formatter has laid
/// out: from its first line to the closing brace in the same column.
func functionLengths(_ file: SourceFile) -> [(name: String, lines: Int)] {
    let start = /^( *)(?:[@\w()]+ )*(?:func|init|deinit)\b.*/
    return file.code.enumerated().compactMap { index, line in
        guard let indent = line.wholeMatch(of: start)?.output.1 else { return nil }
        let rest = file.lines[index...]
        let end = rest.firstIndex { $0.hasPrefix(indent + "}") }
        // A requirement of a protocol has no body: its line is followed by another in its column.
        let next = rest.dropFirst().firstIndex { isStart($0, in: indent) }
        let opens = rest.firstIndex { $0.hasSuffix("{") }
        guard let end, let opens, opens < end, opens < next ?? .max else { return nil }
        return ("\(file.path):\(index + 1)", end - index + 1)
    }
}

/// Whether something begins in that column, other than the end of a signature.
private func isStart(_ line: String, in indent: Substring) -> Bool {
    guard line.hasPrefix(indent), let first = line.dropFirst(indent.count).first else {
        return false
    }
    return first.isLetter || first == "@" || first == "/" || first == "#"
}
