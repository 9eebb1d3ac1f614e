// Every fault's test ends with these checks. The operation says what it waits for, everything else
// is served meanwhile, and all ends by itself once the fault is healed. (S1–S7 and Lv1–Lv3 of
// LAWS.md; withDaemon checks the census and the audit.)

import Foundation
import Glibc
import JSON
import Synchronization
import Testing

/// Runs a daemon with a fault, and prints the result as a line for scripts/prove.
func withFault(
    _ name: String, _ arguments: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation,
    setUp: (Daemon) throws -> Void = { _ in }, _ body: (Daemon, Client) throws -> Void
) throws {
    try proving("fault: \(name)") {
        try withDaemon(arguments, sourceLocation: sourceLocation, setUp: setUp, body)
    }
}

/// Runs one case of a class, and prints whether it passed without an error or a failed expectation.
func proving(_ name: String, _ body: () throws -> Void) throws {
    let hasFailed = Flag()
    defer { print("PROVE class=\"\(name)\" cases=1 passed=\(hasFailed.isSet ? 0 : 1)") }
    // No issue is really known. The matcher only sees each issue, and the test fails as before.
    try withKnownIssue(isIntermittent: true) {
        try body()
    } matching: { _ in
        hasFailed.set()
        return false
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)

    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}

/// An operation that cannot continue, and its pod.
struct Stuck {
    let operation: String
    let pod: String
    /// The operation's own description contains each of these texts.
    var why: [String]
    /// The same for a daemon that started meanwhile, if that daemon cannot know as much.
    var later: [String]?
    /// The earlier operation that this one waits for. It contains the reasons instead.
    var before: String?

    init(_ operation: String, of pod: String, why: String...) {
        self.operation = operation
        self.pod = pod
        self.why = why
    }
}

extension Daemon {
    /// Checks all that must hold while an operation is stuck, however often the daemon dies.
    /// `others` is `false` if pods of other names need what is broken, and so cannot come and go.
    func expectServes(
        _ stuck: Stuck, others: Bool = true, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let client = client()
        try expectNamed(stuck, client, sourceLocation)
        expectAnswers(stuck, sourceLocation)
        let again = try client.send("DELETE", "/v1/pods/\(stuck.pod)?grace=0")
        #expect(again.id == stuck.operation, sourceLocation: sourceLocation)
        if others { try expectComesAndGoes("other", client, sourceLocation) }
        for end in [crash, terminate] {
            #expect(seconds(end) < 2, "the daemon's end", sourceLocation: sourceLocation)
            #expect(try seconds(start) < 3, "the next start", sourceLocation: sourceLocation)
            expectAnswers(stuck, sourceLocation)
        }
        let found = try client.send("GET", "/v1/operations/\(stuck.operation)")
        #expect(found["finishedAt"] == .null, sourceLocation: sourceLocation)
        #expect(found["resumed"]?.integer ?? 0 >= 2, sourceLocation: sourceLocation)
        var now = stuck
        now.why = stuck.later ?? stuck.why
        try expectNamed(now, client, sourceLocation)
        if others { try expectComesAndGoes("another", client, sourceLocation) }
    }

    /// Checks that the operation's steps, or its `stalled`, say what it waits for.
    func expectNamed(
        _ stuck: Stuck, _ client: Client, _ sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        var last = ""
        do {
            try eventually("\(stuck.why) is named", within: 12, sourceLocation: sourceLocation) {
                let answers = try [stuck.operation, stuck.before].compactMap { $0 }.map {
                    try client.send("GET", "/v1/operations/\($0)")
                }
                last = answers.map(\.reply.text).joined(separator: "\n")
                return answers.contains { answer in
                    answer["finishedAt"] == .null
                        && stuck.why.allSatisfy { why in
                            answer.details.contains { $0.contains(why) }
                        }
                }
            }
        } catch { throw Broken("\(error)\n\(last)") }
    }

    /// S7: an answer takes under 100 ms. The best of five counts, because others use the machine
    /// too.
    func expectAnswers(
        _ stuck: Stuck? = nil, _ sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var targets = ["/healthz", "/readyz", "/v1/pods", "/v1/operations"]
        if let stuck { targets += ["/v1/pods/\(stuck.pod)", "/v1/operations/\(stuck.operation)"] }
        for target in targets {
            var took: [Double] = []
            for _ in 0..<5 {
                do { took.append(try client().send("GET", target).took) } catch {
                    Issue.record("\(target): \(error)", sourceLocation: sourceLocation)
                }
            }
            #expect(took.min() ?? 1 < 0.1, "\(target): \(took)", sourceLocation: sourceLocation)
        }
    }

    private func expectComesAndGoes(
        _ name: String, _ client: Client, _ sourceLocation: SourceLocation
    ) throws {
        let made = try client.createPod(name, rootfs.sleeper)
        #expect(made.status == 201, "\(made.reply.text)", sourceLocation: sourceLocation)
        let ended = try client.deletePod(name)
        #expect(
            ended.state == "succeeded", "\(ended.reply.text)", sourceLocation: sourceLocation)
    }

    /// Lv1: once the fault is healed, the delete ends without any call.
    func expectEnds(
        _ stuck: Stuck, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try client().follow(stuck.operation)
        #expect(ended.state == "succeeded", "\(ended.reply.text)", sourceLocation: sourceLocation)
        let pod = try client().send("GET", "/v1/pods/\(stuck.pod)")
        #expect(pod.code == "pod-unknown", sourceLocation: sourceLocation)
    }

    /// The pod's own folder in the run directory.
    func folder(_ pod: Answer) -> String { "\(runDirectory)/pods/\(pod.uid)" }
}

extension Answer {
    /// What the operation says that it waits for.
    var details: [String] {
        let steps = (json["steps"]?.elements ?? []).compactMap { $0["detail"]?.string }
        return steps + [json["stalled"]?["why"]?.string].compactMap { $0 }
    }

    /// The shim's pid, in a pod's document.
    var shimPID: Int32 { Int32(json["shim"]?["pid"]?.integer ?? 0) }
    func taskPID(_ task: String = "app") -> Int32 {
        Int32(json["tasks"]?[task]?["pid"]?.integer ?? 0)
    }
}

/// Removes the file if it exists.
func removeFile(_ path: String) {
    // SAFETY: unlink reads the path only during the call.
    unsafe unlink(path)
}
