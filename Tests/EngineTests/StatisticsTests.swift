// Statistics are read when a client asks, by one helper at a time, and count for a second.

import Kernel
import Model
import Simulation
import Synchronization
import Testing

@testable import Engine

extension Simulated {
    struct StatisticsTests {
        let stage: Stage
        let pod: Pod

        init() throws {
            stage = try Stage()
            pod = try stage.makePod("web", task: "app")
        }

        /// What a request is told.
        private final class Answer: Sendable {
            let told = Mutex<[PodStatistics]??>(nil)

            /// The number of the reading; 0 for a refusal, `nil` without an answer.
            var reading: UInt64? {
                told.withLock { $0.map { $0?.first?.total[.cpuUsage] ?? 0 } }
            }
        }

        private func ask(_ pods: [Pod]) -> Answer {
            let answer = Answer()
            stage.engine.statistics(of: pods) { read in answer.told.withLock { $0 = .some(read) } }
            stage.pass(milliseconds: 0)
            return answer
        }

        private var reads: UInt64 {
            get throws { try stage.onMachine { $0.statisticsReads } }
        }

        @Test("a reading counts for a second, and for the same state of the pod")
        func counts() throws {
            #expect(try reads == 0)
            #expect(ask([pod]).reading == 1)
            stage.pass(milliseconds: 900)
            #expect(ask([pod]).reading == 1)
            var changed = pod
            changed.revision += 1
            #expect(ask([changed]).reading == 2)
            stage.pass(milliseconds: 1000)
            #expect(ask([changed]).reading == 3)
            #expect(ask([]).reading == 0, "no pods need no helper")
            stage.pass(milliseconds: 60_000)
            #expect(try reads == 3)
        }

        @Test("a helper that hangs is waited for a second, and no other one is started")
        func hangs() throws {
            let other = try stage.makePod("other")
            try stage.onMachine { $0.areStatisticsStuck = true }
            let answers = [ask([pod]), ask([pod, other]), ask([other])]
            stage.pass(milliseconds: 900)
            #expect(answers.allSatisfy { $0.reading == nil })
            stage.pass(milliseconds: 200)
            #expect(answers.map(\.reading) == [0, 0, 0])
            #expect(answers.allSatisfy { $0.told.withLock { $0 } == .some(nil) })
            #expect(try reads == 1)
            try stage.onMachine { $0.areStatisticsStuck = false }
            stage.pass(milliseconds: 500)
            let answer = ask([pod, other])
            #expect(answer.reading ?? 0 > 0)
            #expect(answer.told.withLock { $0 ?? nil }?.map(\.pod.name) == [pod.name, other.name])
        }
    }
}
