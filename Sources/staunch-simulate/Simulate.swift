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
            The engine is the daemon's own; the machine and the store are in memory, and so is the \
            time. Each history is made from its seed alone. One that breaks a law of no leak is \
            told with its seed, and the program ends with 1; --seed with that number, --count 1 \
            and --verbose shows what happened. Set SWIFT_DETERMINISTIC_HASHING=1 for the same \
            history from the same seed.
            """)

    @Option(help: "The first history's seed.")
    var seed: UInt64 = 1

    @Option(help: "How many histories, with the seeds that follow.")
    var count: UInt64 = 1000

    @Flag(help: "Tells each request, fault and restart.")
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
