// What had to hold, and whether it did.

import Churn
import Testing

@Suite struct VerdictTests {
    private func failed(_ findings: Findings, _ samples: [Sample] = []) -> [String] {
        Verdict.checks(findings, samples).filter { $0.outcome == .failed }.map(\.name)
    }

    private func samples(_ memory: (Int) -> Double) -> [Sample] {
        (0..<100).map { second in
            var sample = Sample()
            sample.at = Double(second)
            sample.memory = memory(second)
            sample.descriptors = 40
            return sample
        }
    }

    @Test("nothing found is a good run")
    func good() {
        var findings = Findings()
        findings.left = []
        #expect(failed(findings, samples { _ in 12e6 }) == [])
    }

    @Test("each finding fails the check that it belongs to")
    func findings() {
        var found = Findings()
        found.left = ["+ file /x"]
        found.strays = ["shims: u"]
        found.openOperations = ["pod.delete of p"]
        found.exits.lost = ["p/app"]
        found.exits.doubled = ["p/app"]
        found.exits.untrue = ["p/app"]
        found.surprises = ["500"]
        #expect(
            failed(found) == [
                "strays in the account", "left on the machine", "operations left open",
                "exits lost", "exits doubled", "exits untrue", "answers that were not promised",
            ])
        let named = Verdict.checks(found, []).flatMap(\.details)
        #expect(named.contains("+ file /x") && named.contains("pod.delete of p"))
    }

    @Test("a daemon that is gone is one failure, and says so")
    func gone() {
        var findings = Findings()
        findings.isAnswering = false
        findings.surprises = ["nobody answers"]
        #expect(failed(findings) == ["the daemon answers"])
    }

    @Test("memory that grows is seen, and memory that comes and goes is not")
    func memory() {
        let growing = samples { 12e6 + Double($0) * 100_000 }
        #expect(failed(Findings(), growing) == ["daemon's memory flat"])
        #expect(failed(Findings(), samples { 12e6 + Double($0 % 7) * 100_000 }) == [])
    }

    @Test("a short run proves nothing about growth, and does not say so")
    func short() {
        let checks = Verdict.checks(Findings(), Array(samples { Double($0) * 1e9 }.prefix(10)))
        let memory = checks.first { $0.name == "daemon's memory flat" }
        #expect(memory?.outcome == .unseen)
    }

    @Test("a trend is the last quarter's median against the first's")
    func trend() throws {
        let trend = try #require(Trend((0..<39).map(Double.init) + [1e9]))
        #expect(trend.first == 5 && trend.last == 35)
        #expect(trend.isFlat(slack: 30) && !trend.isFlat(slack: 29))
        #expect(Trend([1, 2, 3]) == nil)
    }
}
