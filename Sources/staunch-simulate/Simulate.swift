// The command line, and the main loop: one thread gives the engine its turns and its time.

import ArgumentParser
import Engine
import EventLoop
import Simulation
import Synchronization

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunch-simulate",
        abstract: "Runs the engine through histories of requests, faults and restarts.",
        discussion: """
            The engine is the engine of the daemon. The host, the store and the time are simulated \
            in memory. Each history depends on its seed alone. If a history breaks a law of no \
            leak, the program prints its seed and exits with 1. Run that seed again with --seed, \
            --count 1 and --verbose to see what happened. Set SWIFT_DETERMINISTIC_HASHING=1 to get \
            the same history from the same seed.
            """)

    @Option(help: "The seed of the first history.")
    var seed: UInt64 = 1

    @Option(help: "The number of histories. Each next history has the next seed.")
    var count: UInt64 = 1000

    @Flag(help: "Print each request, fault and restart.")
    var verbose = false

    func validate() throws {
        // With 0 histories the result would always be that none is broken.
        guard count > 0 else { throw ValidationError("--count must be at least 1") }
    }

    func run() throws {
        Reactor.isSimulated.store(true, ordering: .releasing)
        var (done, broken) = (0, 0)
        for number in seed..<seed + count {
            let stage = Stage(seed: number, isVerbose: verbose)
            done += 1
            guard let fault = Wheel.turn(stage) else { continue }
            broken += 1
            print("seed \(number): \(fault)")
            if broken >= 10 { break }
        }
        print("histories=\(done) broken=\(broken)")
        if broken > 0 { throw ExitCode.failure }
    }
}

enum Wheel {
    /// Runs one history to its end. Returns the law that it broke; `nil` if it broke none.
    static func turn(_ stage: Stage) -> String? {
        let reactor = Loop.shared.reactor
        reactor.resetSimulation(seed: stage.seed)
        onLoop { await stage.open() }
        while true {
            reactor.runSimulated()
            if let verdict = stage.verdict { return finish(verdict, stage, reactor) }
            if stage.isDaemonDead {
                stage.bury(reactor.dropSimulated())
                onLoop { stage.sawDeath() }
                continue
            }
            let next = min(reactor.nextSimulatedTimer ?? .max, stage.nextEvent)
            guard next < .max else { return finish("nothing moves any more", stage, reactor) }
            reactor.advanceSimulated(to: next)
            onLoop { stage.runDue() }
        }
    }

    private static func finish(
        _ verdict: String, _ stage: Stage, _ reactor: Reactor
    ) -> String? {
        stage.bury(reactor.dropSimulated())
        return verdict.isEmpty ? nil : verdict
    }
}
