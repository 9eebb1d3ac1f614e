// Goes through the 1st, 2nd, 3rd … failpoint, until a run completes without firing.

import Foundation
import Testing

struct Enumeration {
    /// A title such as `crash daemon: create`, for the table of scripts/prove.
    let title: String
    let scenario: Scenario
    let kinds: Plan.Kinds
    let action: Plan.Action
    /// If set, the daemon dies at this failpoint, and those of its recovery are enumerated.
    var first: Int?
    /// At full depth every `step`th failpoint is taken, from a random offset; otherwise `sample`
    /// failpoints.
    var step = 1
    var sample = 3
    /// Whether it is allowed that no failpoint exists.
    var mayBeEmpty = false

    /// After this many failures, further ones show nothing new.
    private static let enough = 3

    /// STAUNCH_TEST_ONLY="crash shim: stop" runs only that class, to see it again.
    static let only = ProcessInfo.processInfo.environment["STAUNCH_TEST_ONLY"]

    /// `meanwhile` is called at each failpoint, while the fired process waits.
    func run(
        _ daemon: Daemon, _ client: Client,
        meanwhile: (Trial, Conversation?) throws -> Void = { _, _ in }
    ) throws {
        if let only = Enumeration.only, !title.contains(only) { return }
        var (cases, failed) = (0, 0)
        var ends: [String: String] = [:]
        var left = Array(try targets(daemon, client))[...]
        while let target = left.popFirst() {
            let trial = try attempt(target, daemon, client, meanwhile)
            guard let fired = trial.fired else {
                report(trial, "no failpoint \(target)", daemon)
                // The dry run was longer, because that depends on the time in some scenarios.
                left = cases == 0 && target > 1 && !Installation.isDeep ? [1] : []
                continue
            }
            cases += 1
            ends.merge(trial.ends) { $1 }
            if report(trial, "failpoint \(target), \(fired)", daemon) { continue }
            failed += 1
            guard failed < Enumeration.enough else { break }
        }
        guard cases > 0 else {
            #expect(mayBeEmpty, "\(title): nothing fired")
            return
        }
        try checkLasting(ends, daemon, client)
        print("PROVE class=\"\(title)\" cases=\(cases) passed=\(cases - failed)")
    }

    private func attempt(
        _ target: Int, _ daemon: Daemon, _ client: Client,
        _ meanwhile: (Trial, Conversation?) throws -> Void
    ) throws -> Trial {
        // A name of its own, because a delete of a name that another errno's trial had is done.
        let errno = if case .fail(let errno) = action { "-\(errno)" } else { "" }
        let name = "p\(target)-\(first ?? 0)\(errno)"
        let trial = try Trial(daemon, client, scenario, kinds, action, name: name)
        do {
            try trial.run(at: first ?? target, second: first == nil ? nil : target) {
                try meanwhile(trial, $0)
            }
        } catch { trial.hold(false, "\(error)") }
        daemon.plan?.disarm()
        if !trial.faults.isEmpty {
            // The next attempt begins with nothing.
            if !daemon.isRunning { try daemon.start() }
            try daemon.deleteEverything()
        }
        return trial
    }

    /// All failpoints, or a sample of them from a random offset.
    private func targets(
        _ daemon: Daemon, _ client: Client
    ) throws -> StrideTo<Int> {
        if Installation.isDeep {
            return stride(from: 1 + Seed.value % step, to: 100_000, by: step)
        }
        let dry = try attempt(.max, daemon, client) { _, _ in }
        report(dry, "no failpoint", daemon)
        let count = dry.count
        guard count > 0 else { return stride(from: 1, to: 1, by: 1) }
        let step = max(1, count / sample)
        let seed = Seed.value
        print("seed \(seed): every \(step)th of \(count) failpoints, STAUNCH_TEST_SEED=\(seed)")
        return stride(from: 1 + seed % step, to: count + 1, by: step)
    }

    /// Returns `true` if all held.
    @discardableResult
    private func report(_ trial: Trial, _ place: String, _ daemon: Daemon) -> Bool {
        guard !trial.faults.isEmpty else { return true }
        let faults = trial.faults.joined(separator: "\n  ")
        Issue.record("\(title), \(place):\n  \(faults)\n\(daemon.log.suffix(3000))")
        return false
    }

    /// An id has the same end after any restart (S4).
    private func checkLasting(
        _ ends: [String: String], _ daemon: Daemon, _ client: Client
    ) throws {
        try daemon.crashAndRestart()
        try eventually("the daemon has looked at the disks") { daemon.children().isEmpty }
        for (id, end) in ends {
            let now = try client.send("GET", "/v1/operations/\(id)").state
            #expect(now == end, "\(title): operation \(id)")
        }
    }
}

/// A daemon with failpoints, in a network namespace of its own if the scenario needs that.
func withFailpoints(_ scenario: Scenario, _ body: (Daemon, Client) throws -> Void) throws {
    // "crash shim: stop" needs no daemon of another scenario.
    if let only = Enumeration.only, let end = only.range(of: ": ")?.upperBound,
        !scenario.rawValue.hasPrefix(only[end...])
    {
        return
    }
    if scenario.usesParent {
        return try withDaemon(hasFailpoints: true) { daemon, client in
            _ = try ForeignParent(.everywhere, daemon)
            try body(daemon, client)
        }
    }
    if scenario.usesPlugins {
        return try withPlugins(hasFailpoints: true) { _, _, daemon, client in
            try body(daemon, client)
        }
    }
    guard scenario.usesNetwork else { return try withDaemon(hasFailpoints: true, body) }
    try withNetwork(hasFailpoints: true) { _, daemon, client in try body(daemon, client) }
}

/// The offset of a sample: random in each run, and printed.
enum Seed {
    static let value =
        ProcessInfo.processInfo.environment["STAUNCH_TEST_SEED"].flatMap { Int($0) }
        ?? Int.random(in: 0..<100_000)
}
