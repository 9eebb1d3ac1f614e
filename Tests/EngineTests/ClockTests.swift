// The wall clock jumps ahead by days and comes back. No retry is taken for a new request.

import EventLoop
import Host
import Model
import Simulation
import Store
import Synchronization
import Testing

@testable import Engine

extension Simulated {
    struct Clock {
        private let day: Int64 = 86_400_000

        private func jump(days: Int64) { Loop.shared.reactor.jumpSimulatedWall(days * day) }

        /// A UUIDv7 of the wall clock's time, shifted by `days`.
        private func timedID(days: Int64 = 0, _ number: UInt64 = 1) -> UID {
            UID(milliseconds: Stage.wall + days * day, random: (number, number))
        }

        private func untimedID(_ number: UInt64) -> UID { UID(high: 0x4000, low: number) }

        private func stage(
            _ limit: (inout Limits) -> Void = { _ in }
        ) throws -> Stage {
            var settings = Settings()
            settings.limits.commitsPerPruning = 1
            limit(&settings.limits)
            return try Stage(settings)
        }

        private func delete(_ stage: Stage, _ id: UID?) -> Stage.Answer {
            stage.ask { () throws(Refusal) in
                try stage.engine.deletePod(
                    label("web"), uid: nil, grace: 0, allowMissing: false, stage.context(id))
            }
        }

        private func isExpired(_ answer: Stage.Answer) -> Bool {
            if case .refused(.operationExpired) = answer { true } else { false }
        }

        /// Deletes a pod by `id`, and creates another pod of its name.
        private func replacePod(_ stage: Stage, _ id: UID) throws -> Pod {
            _ = try stage.makePod("web")
            let deleted = try #require(delete(stage, id).operation)
            #expect(stage.eventually { stage.hasEnded(deleted) })
            return try stage.makePod("web")
        }

        private func makeSome(_ stage: Stage) throws {
            for number in 0..<8 { _ = try stage.makePod("other-\(number)") }
        }

        @Test("a late retry finds its operation, even if the clock was days ahead meanwhile")
        func aheadAndBack() throws {
            for id in [timedID(), untimedID(7)] {
                let stage = try stage()
                let successor = try replacePod(stage, id)
                jump(days: 9)
                try makeSome(stage)
                jump(days: -9)
                #expect(delete(stage, id).operation?.id == id)
                #expect(stage.engine.pod(label("web"))?.uid == successor.uid)
                #expect(stage.engine.pod(label("web"))?.state == .ready)
            }
        }

        @Test("an id that is no longer kept is refused at any time of the clock")
        func forgotten() throws {
            for id in [timedID(), timedID(days: 300), untimedID(7)] {
                let stage = try stage {
                    $0.operationsKept = 1
                    $0.tombstonesKept = 8
                }
                let successor = try replacePod(stage, id)
                try makeSome(stage)
                for days: Int64 in [0, 9, -18] {
                    jump(days: days)
                    #expect(isExpired(delete(stage, id)))
                }
                #expect(stage.engine.pod(label("web"))?.uid == successor.uid)
            }
        }

        @Test("an id far ahead of the clock causes no refusal of other ids after it was pruned")
        func farAhead() throws {
            let stage = try stage {
                $0.operationsKept = 1
                $0.tombstonesKept = 8
            }
            let ahead = timedID(days: 300)
            _ = try replacePod(stage, ahead)
            try makeSome(stage)
            #expect(isExpired(delete(stage, ahead)))
            // A different millisecond from that of the dropped ids.
            Loop.shared.reactor.jumpSimulatedWall(1000)
            let now = timedID(2)
            let later = delete(stage, now)
            #expect(later.operation?.id == now)
        }

        @Test("an unreadable record is never treated as absent")
        func unreadable() throws {
            let stage = try stage()
            let successor = try replacePod(stage, timedID())
            stage.disk.setUnreadable(true)
            for id in [timedID(), timedID(2), untimedID(7)] {
                #expect(
                    delete(stage, id).refusal
                        == .fault(cause: "the store: corrupt(\"a page of zeros\")"))
                guard case .unreadable = stage.engine.operation(id) else {
                    Issue.record("\(stage.engine.operation(id))")
                    continue
                }
            }
            stage.disk.setUnreadable(false)
            #expect(stage.engine.pod(label("web"))?.uid == successor.uid)
            #expect(delete(stage, timedID(2)).operation != nil)
        }

        @Test("a store whose predecessor is lost refuses earlier ids")
        func lostStore() throws {
            let (before, after) = (timedID(days: -1), timedID(days: 1))
            let boot = Stage.wall - EngineClock.sinceBoot / 1_000_000
            func forgotten(_ first: ForgottenTimes?, isLost: Bool) throws -> ForgottenTimes {
                let disk = SimulatedDisk()
                let records = SimulatedRecords(disk, Life(effects: nil))
                if let first { try records.setForgotten(first) }
                let registry = try Registry(
                    SimulatedRecords(disk, Life(effects: nil)), limits: Limits(),
                    hasLostStore: isLost)
                return try #require(
                    try registry.state.withLock { state throws(StoreFailure) in
                        try state.store.forgotten()
                    })
            }
            #expect(try forgotten(nil, isLost: false) == ForgottenTimes(until: boot))
            #expect(try forgotten(nil, isLost: true) == ForgottenTimes(until: Stage.wall))
            var salvaged = ForgottenTimes()
            salvaged.isWhole = false
            let times = try forgotten(salvaged, isLost: false)
            #expect(times == ForgottenTimes(until: Stage.wall))
            #expect(before.time.map { times.contains($0.milliseconds) } == true)
            #expect(after.time.map { times.contains($0.milliseconds) } == false)
            // A store counts a loss only once.
            #expect(try forgotten(ForgottenTimes(), isLost: true) == ForgottenTimes())
        }

        @Test("a new daemon's uids are greater than all earlier uids, even if the clock went back")
        func uidsGrow() throws {
            let stage = try stage()
            let pod = try stage.makePod("web")
            jump(days: -9)
            func next() throws -> UID {
                let registry = try Registry(
                    SimulatedRecords(stage.disk, Life(effects: nil)), limits: Limits())
                guard case .done(let uid) = registry.transaction({ $0.makeUID() }) else {
                    throw Refusal.storeFull
                }
                return uid
            }
            #expect(try next() > pod.uid)
            #expect(try next() != next(), "they are new ones each time")
            _ = delete(stage, nil)
            #expect(stage.eventually { stage.engine.pod(label("web")) == nil })
            #expect(try next() > pod.uid)
        }
    }
}
