// The output of a run: a table, a document, a page.

import Churn
import JSON
import Testing

@Suite struct ReportTests {
    /// Two minutes of a run, made up.
    private var result: RunResult {
        var staunch = TargetResult(.staunch)
        staunch.seconds = 120
        staunch.pods = 2400
        staunch.cpu = 120
        var podman = TargetResult(.podman)
        podman.seconds = 120
        podman.pods = 240
        podman.cpu = 72
        for number in 1...240 {
            staunch.latencies.record(.pod, seconds: Double(number) / 1000)
            podman.latencies.record(.pod, seconds: Double(number) / 100)
        }
        for second in 0..<120 {
            var sample = Sample()
            sample.at = Double(second)
            sample.pods = second * 20
            sample.memory = second == 60 ? nil : 13e6
            sample.descriptors = 40
            sample.account = [AccountLine(kind: "shims", recorded: 3, observed: 8)]
            staunch.samples.append(sample)
        }
        staunch.kills = [
            Kill(at: 20, victim: .daemon, pid: 7), Kill(at: 30, victim: .shim, pid: 8, podUID: "u"),
        ]
        staunch.restarts = [0.02, 0.05, 0.03]
        var result = RunResult()
        result.targets = [staunch, podman]
        result.settings = [(name: "spec", value: "<a & b>")]
        result.checks = [
            Check("orphans", .passed, "0"), Check("left", .failed, "1", ["+ file <x>"]),
        ]
        return result
    }

    @Test("the table names the remaining objects, and compares the targets")
    func table() {
        let text = result.summary
        #expect(text.contains("FAILED left: 1\n         + file <x>\n"))
        #expect(text.contains("ok     orphans: 0\n"))
        let restarts = text.split(separator: "\n").first { $0.contains("daemon killed") }
        let ends = "3  30.0 ms  50.0 ms  50.0 ms  50.0 ms  50.0 ms"
        #expect(restarts?.hasSuffix(ends) == true, "\(text)")
        #expect(
            text.contains(
                "against podman: pods/s × 10.0, CPU a pod ÷ 6.00, p50 ÷ 10.0, p99 ÷ 10.0\n"))
        #expect(text.split(separator: "\n")[2].hasPrefix("staunch  2400       0    20.0"))
    }

    @Test("the document is JSON with every figure in it")
    func document() throws {
        let document = try JSONValue.parse(result.document)
        #expect(document["good"] == .bool(false))
        let target = document["targets"]?.elements?.first
        #expect(target?["podsPerSecond"]?.number == 20)
        #expect(target?["cpuPerPod"]?.number == 0.05)
        #expect(target?["latencies"]?["pod"]?["count"]?.integer == 240)
        #expect(target?["kills"]?.elements?.count == 2)
        #expect(target?["samples"]?.elements?.count == 120)
    }

    @Test("the page needs no other file, and shows the findings")
    func page() {
        let page = result.page
        for stranger in ["http:", "https:", "src=", "@import", "url(", "<script", "<link"] {
            #expect(!page.contains(stranger), "\(stranger)")
        }
        #expect(page.contains("&lt;a &amp; b&gt;"))
        #expect(page.contains("+ file &lt;x&gt;"))
        #expect(page.contains("prefers-color-scheme: dark"))
        #expect(page.contains("1 of 2 checks failed"))
        #expect(page.contains("<title>daemon killed at 0:20</title>"))
        #expect(page.contains("<title>shim killed at 0:30</title>"))
        #expect(!page.contains("NaN") && !page.contains("inf"))
    }

    @Test("every element of the page is closed")
    func elements() {
        var open: [Substring] = []
        for tag in result.page.matches(of: /<(\/?)([a-z0-9]+)[^>]*?(\/?)>/) {
            let name = tag.output.2
            if ["meta", "line"].contains(name) || !tag.output.3.isEmpty { continue }
            if tag.output.1.isEmpty {
                open.append(name)
            } else {
                #expect(open.popLast() == name)
            }
        }
        #expect(open == [])
    }

    @Test("a gap in the samples is a gap in their curve")
    func gaps() {
        let page = result.page
        let start = page.firstRange(of: "Resident memory of the daemon</h3>")?.upperBound
        let plot = start.map { page[$0...].prefix { $0 != "\n" } } ?? ""
        #expect(plot.matches(of: /<path class="line a"/).count == 2)
    }

    @Test("the progress line begins with the most important figure")
    func progress() {
        var progress = Progress()
        progress.at = 65
        progress.pods = 1200
        progress.rate = 19.96
        progress.last.openOperations = 8
        progress.orphans = 0
        progress.last.memory = 13e6
        #expect(
            progress.line == "staunch 1:05  1200 pods  20.0/s  8 open  0 orphans  12.4 MiB")
    }

    @Test("an empty run has a page, too")
    func empty() {
        var result = RunResult()
        result.targets = [TargetResult(.staunch)]
        result.cutShort = "it was asked to end"
        #expect(result.page.contains("it was asked to end"))
        #expect(result.isGood)
    }
}
