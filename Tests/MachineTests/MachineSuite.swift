// One suite around all tests that use the machine. They run one after another, because they measure
// answers and count what is on the machine.

import Testing

@Suite(.serialized)
enum Machine {}

@Suite struct Programs {
    /// Without the programs, the suites that need them are skipped. That must not pass for a
    /// success.
    @Test("the programs are built: scripts/build")
    func areBuilt() {
        #expect(Installation.isThere, "nothing in \(Installation.bin)")
        #expect(exists(Installation.census), "no staunch-census in \(Installation.bin)")
    }

    @Test("the programs with failpoints are built: scripts/build --failpoints")
    func arePointedBuilt() {
        #expect(Installation.hasFailpoints, "nothing in \(Installation.failpoints)")
    }
}

extension Trait where Self == ConditionTrait {
    static var needsDaemon: Self { .enabled(if: Installation.isThere) }
    static var needsFailpoints: Self { .enabled(if: Installation.hasFailpoints) }
}
