// What every test of a fault ends with: the operation says what it waits for, everything else is
// served meanwhile, and once the fault is healed all ends by itself (S1–S7 and Lv1–Lv3 of LAWS.md;
// withDaemon holds the census and the audit).

import Foundation
import Glibc
import JSON
import Synchronization
import Testing

/// A daemon with a fault; a line for scripts/prove says how it went.
func withFault(
    _ name: String, _ arguments: [String] = [],
    sourceLocation: SourceLocation = #_sourceLocation,
    setUp: (Daemon) throws -> Void = { _ in }, _ body: (Daemon, Client) throws -> Void
) throws {
    try proving("fault: \(name)") {
        try withDaemon(arguments, sourceLocation: sourceLocation, setUp: setUp, body)
    }
}

/// Runs one case of a class, and prints whether it went well: without an error or a failed
/// expectation.
func proving(_ name: String, _ body: () throws -> Void) throws {
    let hasFailed = Flag()
    defer { print("PROVE class=\"\(name)\" cases=1 passed=\(hasFailed.isSet ? 0 : 1)") }
    // Nothing is a known issue: each is seen here, and is the test's as before.
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

/// An operation that cannot go on, and the pod that it is about.
struct Stuck {
    let operation: String
    let pod: String
    /// Each of these stands in what the operation says of itself.
    var why: [String]
    /// The same for a daemon that was started meanwhile, where that cannot know as much.
    var later: [String]?
    /// The operation before it, for which it waits and which says it instead.
    var before: String?

    init(_ operation: String, of pod: String, why: String...) {
        self.operation = operation
        self.pod = pod
        self.why = why
    }
}

extension Daemon {
    /// All that has to hold while an operation is stuck, however often the daemon dies. `others`:
    /// whether pods of other names can come and go, as they cannot where they need what is broken.
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

    /// The operation's steps, or its `stalled`, say what it waits for.
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

    /// S7: under 100 ms. The best of five, since others use the machine as well.
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

    /// Lv1: the fault is healed, and nobody calls anything: the delete ends.
    func expectEnds(
        _ stuck: Stuck, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let ended = try client().follow(stuck.operation)
        #expect(ended.state == "succeeded", "\(ended.reply.text)", sourceLocation: sourceLocation)
        let pod = try client().send("GET", "/v1/pods/\(stuck.pod)")
        #expect(pod.code == "pod-unknown", sourceLocation: sourceLocation)
    }

    /// The pod's own folder, in the run directory.
    func folder(_ pod: Answer) -> String { "\(runDirectory)/pods/\(pod.uid)" }
}

extension Answer {
    /// What an operation says that it waits for.
    var details: [String] {
        let steps = (json["steps"]?.elements ?? []).compactMap { $0["detail"]?.string }
        return steps + [json["stalled"]?["why"]?.string].compactMap { $0 }
    }

    /// Of a pod.
    var shimPID: Int32 { Int32(json["shim"]?["pid"]?.integer ?? 0) }
    func taskPID(_ task: String = "app") -> Int32 {
        Int32(json["tasks"]?[task]?["pid"]?.integer ?? 0)
    }
}

/// Whether or not it is there.
func removeFile(_ path: String) {
    // SAFETY: unlink reads the path during the call alone.
    unsafe unlink(path)
}
