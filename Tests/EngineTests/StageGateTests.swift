// Which stages may work on the machine at once, and in which order.

import EventLoop
import Host
import Metrics
import Model
import Simulation
import Synchronization
import Testing

@testable import Engine

extension Simulated {
    struct Gate {
        private let stage: Stage
        private let gate: StageGate
        private let metrics = Metrics()
        private let log = Trace()

        init() throws {
            stage = try Stage()
            gate = StageGate(places: 2, metrics)
        }

        /// Pods by their number.
        private func uid(_ number: Int) -> UID { UID(high: 0x7000, low: UInt64(number + 1)) }

        /// Queues a stage of the pod. The trace records its turn; it leaves when the test says so.
        private func come(_ pod: Int, _ name: String, operation: Int = 0) throws {
            let (gate, log, uid, id) = (gate, log, uid(pod), uid(1000 + operation))
            onLoop {
                guard let place = await gate.enter(id, of: uid) else { return log.add("-" + name) }
                log.add(name)
                log.places.withLock { $0[name] = place }
            }
            try stage.onMachine { _ in }
        }

        private func leave(_ name: String) throws {
            let log = log
            try stage.onMachine { _ in log.places.withLock { $0[name] }?.leave() }
        }

        @Test("the number of working stages is limited, and pods take turns")
        func fair() throws {
            for number in 1...5 { try come(0, "a\(number)") }
            try come(1, "b1")
            try come(2, "c1")
            #expect(log.said == ["a1", "a2"])
            #expect(metrics.text("staunch_stages_running") == "2")
            #expect(metrics.text("staunch_stages_waiting") == "5")
            for name in ["a1", "a2", "a3", "b1", "c1", "a4"] { try leave(name) }
            #expect(log.said == ["a1", "a2", "a3", "b1", "c1", "a4", "a5"])
            try leave("a5")
            #expect(metrics.text("staunch_stages_running") == "0")
        }

        @Test("a hung stage loses its place after a while, and its end frees no second place")
        func overdue() throws {
            try come(0, "hangs")
            try come(1, "hangs too")
            let since = Loop.shared.reactor.simulatedNow
            for number in 2...5 { try come(number, "p\(number)") }
            #expect(stage.eventually { log.said.count == 4 })
            let waited = (Loop.shared.reactor.simulatedNow - since) / 1_000_000
            #expect(waited == StagePlace.patience)
            #expect(metrics.text("staunch_stages_overdue_total") == "2")
            try leave("hangs")
            #expect(log.said.count == 4)
            try leave("p2")
            #expect(log.said.count == 5)
        }

        @Test("a canceled stage leaves the queue at once, and no other stage loses its turn")
        func calledOff() throws {
            for number in 0..<2 { try come(number, "p\(number)") }
            try come(2, "gone", operation: 7)
            try come(2, "stays", operation: 8)
            let (gate, pod, gone) = (gate, uid(2), uid(1007))
            #expect(
                try stage.onMachine { _ in gate.whatIsWaitedFor(by: gone, of: pod) }
                    == "its turn: 2 of 2 places are taken, and 1 others wait")
            try stage.onMachine { _ in gate.callOff(gone, of: pod) }
            #expect(log.said == ["p0", "p1", "-gone"])
            try leave("p0")
            #expect(log.said == ["p0", "p1", "-gone", "stays"])
        }

        @Test("a delete does not queue behind creates, and cancels its own pod's waiting create")
        func deletes() throws {
            var settings = Settings()
            settings.stagePlaces = 1
            let stage = try Stage(settings)
            let pod = try stage.makePod("old", task: "app")
            let gate = stage.engine.gate
            let held = Mutex<StagePlace?>(nil)
            onLoop {
                let place = await gate.enter(UID(high: 0x7000, low: 1), of: UID(high: 0, low: 9))
                held.withLock { $0 = place }
            }
            try stage.onMachine { _ in }
            let spec = PodSpec(hostname: "new")
            let create = try stage.engine.createPod(label("new"), spec, stage.context())
            for name in ["old", "new"] {
                let delete = stage.delete(label(name))
                let operation = try #require(delete.operation)
                try stage.onMachine { $0.heal() }
                #expect(stage.eventually { stage.hasEnded(operation) }, "\(name)")
            }
            #expect(held.withLock { $0 != nil })
            _ = (pod, create)
        }
    }
}

/// The events so far, in order.
private final class Trace: Sendable {
    private let lines = Mutex<[String]>([])
    let places = Mutex<[String: StagePlace]>([:])

    func add(_ line: String) { lines.withLock { $0.append(line) } }

    var said: [String] { lines.withLock { $0 } }
}

extension Metrics {
    fileprivate func text(_ name: String) -> String? {
        String(decoding: render(), as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix(name + " ") }?.split(separator: " ").last.map(String.init)
    }
}
