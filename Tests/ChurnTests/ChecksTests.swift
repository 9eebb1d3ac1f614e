// The checks of a run. Each check is seen to pass, to fail and, if there is nothing to judge,
// to say so.

import Churn
import Testing

@Suite struct ChecksTests {
    private func names(
        _ outcome: Check.Outcome, _ findings: Findings, _ samples: [Sample] = []
    ) -> [String] {
        Checks.checks(findings, samples).filter { $0.outcome == outcome }.map(\.name)
    }

    private func failed(_ findings: Findings, _ samples: [Sample] = []) -> [String] {
        names(.failed, findings, samples)
    }

    /// A run in which all is well: one life of the daemon and one of a shim.
    private static var good: (findings: Findings, samples: [Sample]) {
        var findings = Findings()
        findings.left = []
        findings.exits.pods = 7
        findings.exits.tasks = 7
        return (findings, samples())
    }

    /// `lifetime`: seconds from one kill of the daemon to the next.
    private static func samples(
        seconds: Int = 100, lifetime: Int = .max,
        _ change: (Int, inout Sample) -> Void = { (_: Int, _: inout Sample) in }
    ) -> [Sample] {
        (0..<seconds).map { second in
            var sample = Sample()
            sample.at = Double(second)
            sample.daemonStart = Double(1000 + second / lifetime)
            sample.memory = 12e6 + Double(second % 7) * 100_000
            sample.descriptors = 40 + Double(second % 3)
            sample.shims.count = 1
            sample.shims.memory = 160e3
            sample.shims.descriptors = 10
            sample.shims.each = [shim()]
            change(second, &sample)
            return sample
        }
    }

    private static func shim(_ memory: Double = 160e3, _ descriptors: Double = 10) -> ShimLook {
        ShimLook(ShimLife(pid: 7, startTicks: 1), memory: memory, descriptors: descriptors)
    }

    @Test("every check of a good run passes")
    func good() {
        let checks = Checks.checks(Self.good.findings, Self.good.samples)
        #expect(checks.allSatisfy { $0.outcome == .passed }, "\(checks)")
        #expect(checks.count == 13)
    }

    /// One wrong thing, and the check that must report it.
    struct Sabotage: Sendable, CustomStringConvertible {
        let description: String
        var findings: @Sendable (inout Findings) -> Void = { _ in }
        var sample: @Sendable (Int, inout Sample) -> Void = { _, _ in }
    }

    static let sabotages = [
        Sabotage(description: "orphans in the audit", findings: { $0.orphans = ["shims: u"] }),
        Sabotage(description: "left on the machine", findings: { $0.left = ["+ file /x"] }),
        Sabotage(
            description: "operations left open",
            findings: { $0.openOperations = ["pod.delete of p"] }),
        Sabotage(description: "exits lost", findings: { $0.exits.lost = ["p/app"] }),
        Sabotage(description: "exits doubled", findings: { $0.exits.doubled = ["p/app"] }),
        Sabotage(description: "exits untrue", findings: { $0.exits.untrue = ["p/app"] }),
        Sabotage(
            description: "answers that were not promised", findings: { $0.surprises = ["500"] }),
        Sabotage(
            description: "daemon's memory flat",
            sample: { $1.memory = 12e6 + Double($0) * 1_048_576 }),
        Sabotage(
            description: "daemon's descriptors flat",
            sample: { $1.descriptors = 40 + 4 * Double($0) }),
        Sabotage(
            description: "shims' memory alike throughout",
            sample: { $1.shims.memory = 160e3 + Double($0) * 2e3 }),
        Sabotage(
            description: "shims' descriptors alike throughout",
            sample: { $1.shims.descriptors = 10 + Double($0) / 10 }),
        Sabotage(
            description: "a shim's memory flat",
            sample: { $1.shims.each = [shim(160e3 + Double($0) * 2e3)] }),
        Sabotage(
            description: "a shim's descriptors flat",
            sample: { $1.shims.each = [shim(160e3, 10 + Double($0) / 10)] }),
    ]

    @Test("each check fails for its own fault, and for no other", arguments: sabotages)
    func fails(_ sabotage: Sabotage) {
        var findings = Self.good.findings
        sabotage.findings(&findings)
        #expect(failed(findings, Self.samples(sabotage.sample)) == [sabotage.description])
    }

    @Test("every check has a sabotage")
    func allFail() {
        let checks = Checks.checks(Self.good.findings, Self.good.samples).map(\.name)
        #expect(Self.sabotages.map(\.description) == checks)
    }

    @Test("a failed check names the objects that it found")
    func named() {
        var found = Self.good.findings
        found.left = ["+ file /x"]
        found.openOperations = ["pod.delete of p"]
        let named = Checks.checks(found, []).flatMap(\.details)
        #expect(named.contains("+ file /x") && named.contains("pod.delete of p"))
    }

    @Test("a daemon that exited is one failure, with its own text")
    func gone() {
        var findings = Findings()
        findings.isAnswering = false
        findings.surprises = ["no server answers"]
        #expect(failed(findings) == ["the daemon answers"])
    }

    @Test("a leak is seen between kills of the daemon, if each life is long enough")
    func leaksInEachLife() {
        let leaking = Self.samples(seconds: 200, lifetime: 20) { second, sample in
            sample.memory = 12e6 + Double(second % 20) * 1_048_576
            sample.descriptors = 40 + 4 * Double(second % 20)
        }
        #expect(
            failed(Self.good.findings, leaking)
                == ["daemon's memory flat", "daemon's descriptors flat"])
        #expect(failed(Self.good.findings, Self.samples(seconds: 200, lifetime: 20)) == [])
    }

    @Test("a leak in one of many lives is seen")
    func leaksOnce() {
        let leaking = Self.samples(seconds: 200, lifetime: 20) { second, sample in
            if second / 20 == 4 { sample.memory = 12e6 + Double(second % 20) * 1_048_576 }
        }
        #expect(failed(Self.good.findings, leaking) == ["daemon's memory flat"])
    }

    @Test("growth in a daemon's first seconds is not a leak")
    func warmsUp() {
        let warming = Self.samples(seconds: 200, lifetime: 20) { second, sample in
            sample.memory = 6e6 + Double(min(second % 20, 5)) * 2e6
        }
        #expect(failed(Self.good.findings, warming) == [])
    }

    @Test("if each life is too short to see growth, the check does not pass")
    func tooShort() {
        let short = Self.samples(seconds: 100, lifetime: 7) { second, sample in
            sample.memory = 12e6 + Double(second % 7) * 1_048_576
            sample.shims.each = []
        }
        #expect(
            names(.unseen, Self.good.findings, short)
                == ["daemon's memory flat", "daemon's descriptors flat"])
        #expect(
            names(.noted, Self.good.findings, short)
                == ["a shim's memory flat", "a shim's descriptors flat"])
        var result = RunResult()
        result.checks = Checks.checks(Self.good.findings, short)
        #expect(!result.isGood && result.exitCode == 2)
        #expect(result.summary.contains("\n9 held, 0 failed, 2 not seen\n"))
        #expect(result.page.contains("2 of 13 checks not seen"))
    }

    @Test("without pods, a census or all events, their checks are unseen")
    func nothingSeen() {
        var findings = Findings()
        #expect(
            names(.unseen, findings, Self.good.samples) == [
                "left on the machine", "exits lost", "exits doubled", "exits untrue",
            ])
        findings = Self.good.findings
        findings.exits.wasFollowed = false
        #expect(names(.unseen, findings, Self.good.samples) == ["exits doubled"])
        findings.exits.doubled = ["p/x"]
        #expect(failed(findings, Self.good.samples) == ["exits doubled"])
    }

    @Test("a failed run exits with 1, even if other checks were unseen; a good run with 0")
    func exitCodes() {
        var result = RunResult()
        result.checks = [Check("a", .passed, ""), Check("b", .noted, "")]
        #expect(result.isGood && result.exitCode == 0)
        result.checks += [Check("c", .unseen, ""), Check("d", .failed, "")]
        #expect(!result.isGood && result.exitCode == 1)
    }

    @Test("a trend compares the medians of the first and the last quarter")
    func trend() throws {
        let trend = try #require(Trend((0..<39).map(Double.init) + [1e9]))
        #expect(trend.first == 5 && trend.last == 35)
        #expect(trend.isFlat(slack: 30) && !trend.isFlat(slack: 29))
        #expect(Trend([1, 2, 3]) == nil)
    }
}
