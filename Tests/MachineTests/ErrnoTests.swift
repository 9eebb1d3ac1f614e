// Every call with every errno. A create ends, with success or with all of it undone. A request that
// ends or removes something succeeds in the end.

import Glibc
import Testing

extension Machine {
    @Suite(.needsFailpoints) struct Errnos {
        static let numbers: [(name: String, number: Int32)] = [
            ("ENOSPC", ENOSPC), ("EMFILE", EMFILE), ("ENOMEM", ENOMEM), ("EIO", EIO),
            ("EINTR", EINTR),
        ]

        /// All of them, or two that vary between runs.
        private static func taken() -> [(name: String, number: Int32)] {
            if Installation.isDeep { return numbers }
            return [0, 2].map { numbers[(Seed.value + $0) % numbers.count] }
        }

        @Test(
            "nothing is left after any call fails with ENOSPC, EMFILE, ENOMEM, EIO or EINTR",
            arguments: [Victim.daemon, .shim, .helper], Scenario.taken)
        func fails(_ victim: Victim, _ scenario: Scenario) throws {
            let isLong = victim == .daemon && scenario == .adopt
            try withFailpoints(scenario) { daemon, client in
                for (name, number) in Errnos.taken() {
                    try Enumeration(
                        title: "\(name) \(victim.rawValue): \(scenario.rawValue)",
                        scenario: scenario, kinds: victim.kinds, action: .fail(errno: number),
                        // The daemon's start reads the shim's whole program, piece by piece.
                        step: isLong && [EIO, EINTR].contains(number) ? 7 : 1, sample: 1,
                        mayBeEmpty: true
                    ).run(daemon, client)
                }
            }
        }
    }
}
