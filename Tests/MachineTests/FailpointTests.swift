// Any process dies at any step: what is recorded is finished, and nothing is left.

import Foundation
import Testing

/// The process that dies, hangs or fails.
enum Victim: String, CaseIterable, CustomTestStringConvertible {
    case daemon, shim, helper
    /// The runtime dies with them.
    case all

    var testDescription: String { rawValue }

    var kinds: Plan.Kinds {
        switch self {
        case .daemon: .daemon
        case .shim: .shim
        case .helper: .helper
        case .all: .all
        }
    }
}

extension Machine {
    @Suite(.needsFailpoints) struct Failpoints {
        @Test(
            "accepted operations end and leave nothing after a kill of any process at any step",
            arguments: Victim.allCases, Scenario.taken)
        func dies(_ victim: Victim, _ scenario: Scenario) throws {
            // No helper runs while a pod stops or is adopted. A connection needs no shim.
            if victim == .helper && [.stop, .adopt].contains(scenario) { return }
            if victim == .shim && scenario == .forward { return }
            try withFailpoints(scenario) { daemon, client in
                try Enumeration(
                    title: "crash \(victim.rawValue): \(scenario.rawValue)", scenario: scenario,
                    kinds: victim.kinds, action: victim == .all ? .freeze : .kill,
                    step: victim == .all ? 3 : 1
                ).run(daemon, client) { _, _ in Executioner.killAll(daemon.marks) }
            }
        }

        @Test(
            "the daemon is killed again at every step of its recovery",
            arguments: [
                Scenario.create, .task, .restart, .order, .delete, .network, .networkDelete,
                .plugins, .pluginsDelete, .parent, .parentDelete,
            ])
        func diesTwice(_ scenario: Scenario) throws {
            try withFailpoints(scenario) { daemon, client in
                let firsts = Installation.isDeep ? [8, 20, 32] : [8 + Seed.value % 24]
                for first in firsts {
                    try Enumeration(
                        title: "crash twice at \(first): \(scenario.rawValue)", scenario: scenario,
                        kinds: .daemon, action: .kill, first: first, step: 3
                    ).run(daemon, client)
                }
            }
        }
    }
}

/// Which programs contain failpoints, and which must not.
@Suite(.needsFailpoints, .needsDaemon) struct FailpointPrograms {
    /// Every name that the sources give to a failpoint, such as `fs.mkdir`.
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

    @Test("installed programs contain no failpoint, and test programs contain all")
    func marks() throws {
        let names = try names()
        #expect(names.count > 30)
        for name in names.union(["STAUNCH_FAILPOINTS"]).sorted() {
            var isFound = false
            for program in ["staunchd", "staunch-shim"] {
                #expect(try !contains("\(Installation.bin)/\(program)", name), "\(name)")
                let isBuiltIn = try contains("\(Installation.failpoints)/\(program)", name)
                isFound = isFound || isBuiltIn
            }
            #expect(isFound, "\(name) is in no program")
        }
    }
}
