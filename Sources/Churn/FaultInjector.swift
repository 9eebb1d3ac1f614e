// The nemesis. It sends SIGKILL only to the run's own daemon, its shims, or a runc below its cgroup
// parent. It opens a pidfd of the victim and then checks the victim's cgroup again before the kill.

import Bytes
import Linux
import Synchronization

final class FaultInjector: Sendable {
    private let daemon: OwnDaemon
    private let parent: Cgroup
    private let statistics: RunStatistics
    private let interrupts: Interrupts
    private let schedule: Mutex<NemesisSchedule>
    private let dice = Mutex(Dice(seed: 7))
    private let shouldEnd = Atomic(false)
    private let isOver = Atomic(false)

    init(
        _ orders: [KillOrder], _ daemon: OwnDaemon, _ parent: Cgroup, _ statistics: RunStatistics,
        _ interrupts: Interrupts
    ) {
        self.daemon = daemon
        self.parent = parent
        self.statistics = statistics
        self.interrupts = interrupts
        schedule = Mutex(NemesisSchedule(orders))
    }

    func start() {
        Thread.start {
            while !self.shouldEnd.load(ordering: .relaxed) {
                self.turn()
                Thread.pause(seconds: 0.02)
            }
            self.isOver.store(true, ordering: .relaxed)
        }
    }

    /// When it returns, nothing is killed any more, and the daemon is alive.
    func finish() {
        shouldEnd.store(true, ordering: .relaxed)
        _ = wait(atMost: 90) { isOver.load(ordering: .relaxed) }
    }

    private func turn() {
        if let end = daemon.takeUnaskedEnd() {
            statistics.surprise(end)
            restart { () throws(RunFailure) in try self.daemon.start() }
        }
        let at = statistics.elapsed
        for victim in schedule.withLock({ $0.due(at: at) }) where !interrupts.shouldFinish {
            kill(victim == .any ? anyOne() : victim)
        }
    }

    private func anyOne() -> Victim {
        dice.withLock { [.daemon, .shim, .runc].randomElement(using: &$0) ?? .daemon }
    }

    private func kill(_ victim: Victim) {
        switch victim {
        case .daemon, .any: killDaemon()
        case .shim: killProcess(.shim, atMost: 3) { $0 == "staunch-shim" }
        // A runc lives for about 20 ms, so this searches until it finds one.
        case .runc: killProcess(.runc, atMost: 3) { $0.hasPrefix("runc") }
        }
    }

    private func killDaemon() {
        let at = statistics.elapsed
        let began = now()
        restart { () throws(RunFailure) in
            let pid = try self.daemon.crashAndRestart()
            let took = now() - began
            self.statistics.change { state in
                state.kills.append(Kill(at: at, victim: .daemon, pid: pid))
                state.restarts.append(took)
            }
        }
    }

    private func restart(_ body: () throws(RunFailure) -> Void) {
        do throws(RunFailure) { try body() } catch {
            statistics.cutShort(error.description)
            interrupts.finish()
            shouldEnd.store(true, ordering: .relaxed)
        }
    }

    /// Records the kill before doing it, so that no thread sees its effect without the record.
    private func killProcess(
        _ victim: Victim, atMost seconds: Double, _ isMeant: (String) -> Bool
    ) {
        _ = wait(atMost: seconds) {
            guard let found = find(isMeant), let process = PidDescriptor.opening(found.pid),
                uid(of: found.pid) == found.uid,
                let command = ProcFS.command(of: found.pid), isMeant(command)
            else { return shouldEnd.load(ordering: .relaxed) }
            let kill = Kill(
                at: statistics.elapsed, victim: victim, pid: found.pid, podUID: found.uid)
            statistics.change { $0.kills.append(kill) }
            process.send(9)
            return true
        }
    }

    /// A process of that name below our parent. Of a shim and its helpers, the oldest is the shim.
    private func find(_ isMeant: (String) -> Bool) -> (pid: Int32, uid: String)? {
        let pids: Set<Int32>
        do { pids = try parent.processes() } catch { return nil }
        var byPod: [String: Int32] = [:]
        for pid in pids.sorted(by: { age($0) < age($1) }) {
            guard let command = ProcFS.command(of: pid), isMeant(command),
                let uid = uid(of: pid), byPod[uid] == nil
            else { continue }
            byPod[uid] = pid
        }
        let chosen = dice.withLock { dice in
            byPod.sorted { $0.key < $1.key }.randomElement(using: &dice)
        }
        return chosen.map { (pid: $0.value, uid: $0.key) }
    }

    private func age(_ pid: Int32) -> UInt64 { ProcFS.startTicks(of: pid) ?? .max }

    /// Returns the uid in `/<parent>/<uid>/…`.
    private func uid(of pid: Int32) -> String? {
        let below = ProcFS.cgroups(of: pid, below: Array("\(parent.path)/".utf8))
        return below?.first?.fields("/").first
    }
}
