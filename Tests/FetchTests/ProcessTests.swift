// The program as a process: what it may do, what it holds, what it says while it runs.

import Foundation
import Images
import JSON
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(5))) struct Processes {
    private let bench: FetchBench

    init() throws { bench = try FetchBench() }

    /// A registry whose first layer stops after 1000 bytes until `gate` opens.
    private func slowRegistry(_ image: FakeImage, _ gate: Gate) throws -> FakeRegistry {
        let layer = image.layers[0]
        return try FakeRegistry(image) { request in
            guard request.path.hasSuffix(layer.digest.text), request.rangeStart == nil,
                !gate.isOpen
            else { return nil }
            return FakeRegistry.cut(layer.bytes, request, after: 1000, then: .hang)
        }
    }

    private func start(_ registry: FakeRegistry, _ options: [String] = []) throws -> RunningFetch {
        try bench.configure(registry.server.authority)
        return try bench.start("\(registry.server.authority)/a:v", options)
    }

    private func end(_ registry: FakeRegistry) {
        registry.server.end()
        bench.end()
    }

    @Test(
        "a connected process has no privilege, no other descriptor and a session of its own",
        .enabled(if: getuid() == 0))
    func privileges() throws {
        let registry = try slowRegistry(FakeImage(layers: [5000]), Gate())
        defer { end(registry) }
        try bench.configure(registry.server.authority)
        let running = try bench.start(
            "\(registry.server.authority)/a:v", ["--stall", "600", "--user", "4711:4712"],
            more: 5)
        try running.until { $0["blobs"]?.elements?.last?["fetched"]?.integer == 1000 }
        let pid = running.pid
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        func field(_ name: String) -> [Substring] {
            let line = status.split(separator: "\n").first { $0.hasPrefix("\(name):") } ?? ""
            return line.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 }
        }
        #expect(Set(field("Uid")) == ["4711"] && Set(field("Gid")) == ["4712"])
        #expect(field("Groups").isEmpty)
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            #expect(UInt64(field(set)[0], radix: 16) == 0, "\(set)")
        }
        #expect(field("NoNewPrivs") == ["1"])
        let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(pid)/environ")
        #expect(owner[.ownerAccountID] as? Int == 0, "a process of the user could look into it")
        let links = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").map {
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
        }
        let known = ["lock", "ingest", "documents", "state"].map { "\(bench.home)/\($0)" }
        let rest = links.filter { link in
            !known.contains(link) && !link.hasPrefix("\(bench.home)/ingest/")
                && !link.hasPrefix("\(bench.home)/state/")
                && !link.hasPrefix("socket:") && !link.hasPrefix("anon_inode:")
                && !link.hasPrefix("pipe:")
        }
        #expect(rest == Array(repeating: "\(bench.home)/messages", count: 2), "1 and 2 alone")
        #expect(known.allSatisfy(links.contains))
        #expect(try running.end().exit == 3)
    }

    @Test("the process leaves the session of a caller that has not given it one")
    func session() throws {
        let registry = try slowRegistry(FakeImage(layers: [5000]), Gate())
        defer { end(registry) }
        try bench.configure(registry.server.authority)
        // A shell without job control: its child is in its session and process group.
        let running = try bench.start(
            "\(registry.server.authority)/a:v", ["--stall", "600"],
            prefix: #""$@" & echo $! >$HOME_/pid; wait $!; exit $?"#)
        try running.until { $0["blobs"]?.elements?.last?["fetched"]?.integer == 1000 }
        let text = String(decoding: try bench.bytes("pid"), as: UTF8.self)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(getsid(pid) == pid && getpgid(pid) == pid)
        kill(pid, SIGTERM)
        #expect(try running.wait().exit == 3)
    }

    @Test("the lock is held as long as the process lives")
    func lock() throws {
        let gate = Gate()
        let registry = try slowRegistry(FakeImage(layers: [5000]), gate)
        defer { end(registry) }
        let running = try start(registry, ["--stall", "600"])
        try running.until { $0["blobs"]?.elements?.last?["fetched"]?.integer == 1000 }
        let second = try bench.fetch("\(registry.server.authority)/a:v")
        #expect(second.exit == 75)
        #expect(try bench.progress()?["state"]?.string == "fetching", "nothing was touched")
        _ = try running.end(SIGKILL)
        gate.open()
        #expect(try bench.fetch("\(registry.server.authority)/a:v").exit == 0)
    }

    @Test("with a plan only its blobs are fetched, and nothing before it")
    func plan() throws {
        let image = FakeImage(layers: [1000, 2000, 3000])
        let registry = try FakeRegistry(image)
        defer { end(registry) }
        let running = try start(registry, ["--await-plan"])
        try running.until { $0["state"]?.string == "planning" }
        #expect(registry.blobRequests().count == 1, "only the configuration")
        try write(plan: #"{"fetch": ["\#(image.layers[1].digest)"]}"#)
        let result = try running.wait()
        #expect(result.exit == 0, "\(result.text)")
        #expect(try bench.names("ingest") == [image.layers[1].digest.hex])
        let states = image.layers.map { result.blob($0)?["state"]?.string }
        #expect(states == ["skipped", "whole", "skipped"])
    }

    @Test("an empty plan fetches no blob, and one of before the start is not this fetch's")
    func emptyPlan() throws {
        let registry = try FakeRegistry(FakeImage(layers: [1000]))
        defer { end(registry) }
        let empty = #"{"fetch": []}"#
        try write(plan: empty)
        let running = try start(registry, ["--await-plan"])
        try running.until { $0["state"]?.string == "planning" }
        #expect(try !bench.names("state").contains("plan"))
        try write(plan: empty)
        #expect(try running.wait().exit == 0)
        #expect(try bench.names("ingest") == [])
    }

    @Test(
        "a plan with something else than the image's blobs is refused", arguments: ["[]", "other"])
    func badPlan(_ plan: String) throws {
        let registry = try FakeRegistry(FakeImage(layers: [1000]))
        defer { end(registry) }
        let other = #"{"fetch": ["sha256:\#(String(repeating: "0", count: 64))"]}"#
        let running = try start(registry, ["--await-plan"])
        try running.until { $0["state"]?.string == "planning" }
        try write(plan: plan == "other" ? other : plan)
        let result = try running.wait()
        #expect(result.code == "plan-invalid")
        #expect(try bench.names("ingest") == [])
    }

    private func write(plan: String) throws {
        let path = bench.home + "/state/plan"
        try plan.write(toFile: path + ".new", atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o644], ofItemAtPath: path + ".new")
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
    }

    @Test("a reader of the progress sees whole documents, and at most five in a second")
    func progress() throws {
        let image = FakeImage(layers: Array(repeating: 40_000, count: 12))
        let registry = try FakeRegistry(image) { request in
            guard request.path.contains("/blobs/"),
                let blob = image.layers.first(where: { request.path.hasSuffix($0.digest.text) })
            else { return nil }
            let head = Act.head(200, [("Content-Length", "\(blob.bytes.count)")])
            return [.send(head), .trickle(blob.bytes, piece: 1000, pause: 10)]
        }
        defer { end(registry) }
        let begin = ContinuousClock.now
        let running = try start(registry)
        var seen: Set<[UInt8]> = []
        while running.isRunning {
            // Throws if the document is torn.
            if try bench.progress() != nil { seen.insert(try bench.bytes("state/progress")) }
        }
        let seconds = (ContinuousClock.now - begin) / .seconds(1)
        let result = try running.wait()
        #expect(result.exit == 0, "\(result.text)")
        #expect(seen.count >= 3)
        // The first and the last one come in addition.
        #expect(Double(seen.count) <= seconds * 5 + 2)
        #expect(try bench.names("state") == ["progress", "result"])
        #expect(try bench.bytes("state/progress") == bench.bytes("state/result"))
    }

    @Test("at most as many blobs are fetched at a time as --parallel has", arguments: [1, 3])
    func parallel(_ count: Int) throws {
        let image = FakeImage(layers: Array(repeating: 20_000, count: 9))
        let now = Atomic(0)
        let most = Atomic(0)
        let registry = try FakeRegistry(image) { request in
            guard image.layers.contains(where: { request.path.hasSuffix($0.digest.text) }) else {
                return nil
            }
            let (_, running) = now.add(1, ordering: .relaxed)
            most.max(running, ordering: .relaxed)
            usleep(20_000)
            now.subtract(1, ordering: .relaxed)
            return nil
        }
        defer { end(registry) }
        try bench.configure(registry.server.authority)
        let options = ["--parallel", "\(count)"]
        let result = try bench.fetch("\(registry.server.authority)/a:v", options)
        #expect(result.exit == 0)
        #expect(most.load(ordering: .relaxed) == count)
    }

    @Test("a proxy of the environment is used, and one for what no_proxy has is not")
    func proxies() throws {
        let image = FakeImage(layers: [1000])
        let registry = try FakeRegistry(image)
        defer { end(registry) }
        try bench.configure(
            "registry.invalid", "hosts.toml", "server = \"http://registry.invalid\"")
        let proxy = ["HTTP_PROXY": "http://\(registry.server.authority)"]
        let result = try bench.fetch("registry.invalid/a:v", environment: proxy)
        #expect(result.exit == 0, "\(result.text)")
        let targets = registry.server.requests.map(\.target)
        #expect(targets.allSatisfy { $0.hasPrefix("http://registry.invalid/v2/a/") })
        let direct = try bench.fetch(
            "registry.invalid/a:v", environment: proxy.merging(["no_proxy": "invalid"]) { $1 })
        #expect(direct.code == "registry-unreachable")
        #expect(registry.server.requests.count == targets.count)
    }

    @Test("wrong arguments, descriptors and input are told, and nothing is begun")
    func usage() throws {
        defer { bench.end() }
        let faults: [(options: [String], input: String, word: String)] = [
            (["--bad", "1"], "", "--bad"), (["--ingest", "3"], "", "descriptors"),
            (["--state", "9"], "", "no directory"), ([], "secret", "not JSON"),
            ([], "[]", "credentials"),
        ]
        for (options, input, word) in faults {
            let result = try bench.fetch("registry.invalid/a", options, input: input)
            #expect(result.exit == 64)
            #expect(result.messages.contains(word), "\(result.messages)")
            #expect(!result.messages.contains("secret"))
            #expect(result.document == .object([]))
        }
        let help = try bench.fetch("registry.invalid/a", ["--help"])
        #expect(help.exit == 0 && help.messages.contains("EXIT CODES"))
    }
}

/// Opens once.
final class Gate: Sendable {
    private let flag = Atomic(false)
    var isOpen: Bool { flag.load(ordering: .relaxed) }
    func open() { flag.store(true, ordering: .relaxed) }
}
