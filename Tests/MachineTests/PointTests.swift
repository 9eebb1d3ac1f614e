// Whoever dies at whatever step: what is recorded is finished, and nothing is left.

import Foundation
import Testing

extension Machine {
    @Suite(.needsPoints) struct Points {
        @Test("the daemon is killed at every step", arguments: Scenario.allCases)
        func daemonDies(_ scenario: Scenario) throws {
            try withDaemon(hasPoints: true) { daemon, client in
                try Enumeration(
                    title: "crash daemon: \(scenario.rawValue)", scenario: scenario,
                    kinds: .daemon, action: .kill
                ).run(daemon, client)
            }
        }
    }
}

/// Where the points stand, and where they must not.
@Suite(.needsPoints, .needsDaemon) struct PointedPrograms {
    /// Such as `fs.mkdir`: every name that the sources give to a point.
    private func names() throws -> Set<String> {
        var found: Set<String> = []
        let pattern = /\b(?:effect|fallible|point|isFailing)\(\s*"([a-z.]+)"/
        let sources = FileManager.default.enumerator(atPath: Installation.root + "/Sources")
        while let path = sources?.nextObject() as? String {
            guard path.hasSuffix(".swift") else { continue }
            let code = try #require(text(of: "\(Installation.root)/Sources/\(path)"))
            found.formUnion(code.matches(of: pattern).map { String($0.output.1) })
        }
        return found
    }

    private func contains(_ program: String, _ name: String) throws -> Bool {
        let bytes = try #require(FileManager.default.contents(atPath: program))
        return bytes.range(of: Data(name.utf8 + [0])) != nil
    }

    @Test("programs for use have nothing of the points in them, and those for tests have all")
    func marks() throws {
        let names = try names()
        #expect(names.count > 30)
        for name in names.union(["STAUNCH_POINTS"]).sorted() {
            var isPointed = false
            for program in ["staunchd", "staunch-shim"] {
                #expect(try !contains("\(Installation.bin)/\(program)", name), "\(name)")
                let pointed = try contains("\(Installation.points)/\(program)", name)
                isPointed = isPointed || pointed
            }
            #expect(isPointed, "\(name) is in no program")
        }
    }
}
