// Lists, events, the audit, metrics, and the document against the routes.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Reads {
        @Test(
            "a scrape and a probe are never refused for their Accept",
            arguments: [
                "text/html", "application/json;q=0", "nonsense", "*; q=.2",
            ])
        func scrapes(_ accept: String) throws {
            try withDaemon { _, client in
                for path in ["/metrics", "/healthz", "/readyz"] {
                    let answer = try client.send("GET", path, headers: ["Accept": accept])
                    #expect(answer.status == 200, "\(path)")
                }
            }
        }

        @Test("every foreseeable series exists with 0 before its first event")
        func knownSeries() throws {
            try withDaemon { daemon, client in
                func series() throws -> Set<String> {
                    let text = try client.send("GET", "/metrics").reply.text
                    // HTTP statuses and waiting steps appear as they occur; all other series are
                    // known.
                    let lines = text.split(separator: "\n").filter {
                        $0.hasPrefix("staunch_") && !$0.hasPrefix("staunch_http_requests_total")
                            && !$0.hasPrefix("staunch_operations_running")
                            && !$0.hasPrefix("staunch_resources_")
                    }
                    return Set(lines.map { String($0.prefix(while: { $0 != " " })) })
                }
                let before = try series()
                #expect(before.contains(#"staunch_orphans_removed_total{kind="data"}"#))
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                try client.deletePod("web")
                #expect(try series().subtracting(before) == [])
            }
        }

        @Test("lists have pages, are in the order of creation, and are filtered by label and state")
        func lists() throws {
            try withDaemon { _, client in
                let names = (0..<7).map { "p\(6 - $0)" }
                for (index, name) in names.enumerated() {
                    let label = "{\"labels\": {\"half\": \"\(index % 2)\", \"all\": \"y\"}}"
                    _ = try client.createPod(name, label)
                }
                var seen: [String] = []
                var page = ""
                repeat {
                    let answer = try client.send("GET", "/v1/pods?limit=3" + page)
                    let items = answer["items"]?.elements ?? []
                    #expect(items.count <= 3)
                    seen += items.compactMap { $0["name"]?.string }
                    page = answer["next"]?.string.map { "&page=" + $0 } ?? ""
                } while !page.isEmpty && seen.count <= names.count
                #expect(seen == names)
                func count(_ query: String) throws -> Int? {
                    try client.send("GET", "/v1/pods?" + query)["items"]?.elements?.count
                }
                #expect(try count("label=half%3D1") == 3)
                #expect(try count("label=half=0&label=all=y") == 4)
                #expect(try count("label=half=0&label=all=n") == 0)
                #expect(try count("state=ready") == 7)
                #expect(try count("state=lost") == 0)
                let operations = try client.send("GET", "/v1/operations?state=succeeded")
                #expect(operations["items"]?.elements?.count == 7)
            }
        }

        @Test("events continue after a revision without gap or repeat, even after a daemon's crash")
        func events() throws {
            try withDaemon { daemon, client in
                let start = try client.send("GET", "/v1/pods")["revision"]?.integer ?? 0
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let whole = try EventStream(daemon, "since=\(start)")
                let first = try whole.read(until: ("pod", "ready"))
                try daemon.crashAndRestart()
                try client.deletePod("web")
                let middle = try #require(first.last?["revision"]?.integer)
                let rest = try EventStream(daemon, "since=\(middle)").read(until: ("pod.gone", nil))
                let again = try EventStream(daemon, "since=\(start)").read(until: ("pod.gone", nil))
                #expect(first + rest == again)
                let revisions = again.compactMap { $0["revision"]?.integer }
                #expect(zip(revisions, revisions.dropFirst()).allSatisfy { $0 <= $1 })
                #expect(revisions.allSatisfy { $0 > start })
                let states = again.filter { $0["kind"] == .string("pod") }
                    .compactMap { $0["state"]?.string }
                #expect(states.first == "creating")
                #expect(states.contains("deleting"))
            }
        }

        @Test("an empty Last-Event-ID counts as none", arguments: ["", " "])
        func emptyLastEventID(value: String) throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", "{}")
                let wire = try Wire(path: daemon.socket)
                try wire.send(
                    """
                    GET /v1/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\
                    Accept: text/event-stream\r\nLast-Event-ID:\(value)\r\n\r\n
                    """)
                #expect(try wire.receiveHead()?.status == 200)
                // The events that `since` asks for come, as if the header were absent.
                var said = ""
                while !said.contains(pod.uid), let chunk = try wire.receiveChunk() {
                    said += String(decoding: chunk, as: UTF8.self)
                }
                #expect(said.contains(pod.uid))
            }
        }

        @Test("server-sent events have the revision as their id, and continue after Last-Event-ID")
        func serverSentEvents() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", "{}")
                let wire = try Wire(path: daemon.socket)
                try wire.send(
                    """
                    GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\
                    Last-Event-ID: 0\r\n\r\n
                    """)
                let head = try #require(try wire.receiveHead())
                #expect(head[header: "content-type"]?.hasPrefix("text/event-stream") == true)
                var said = ""
                while !said.contains("\n\n"), let chunk = try wire.receiveChunk() {
                    said += String(decoding: chunk, as: UTF8.self)
                }
                let lines = said.split(separator: "\n").map(String.init)
                #expect(lines.contains { $0.hasPrefix("id: ") })
                #expect(lines.contains { $0.hasPrefix("event: ") })
                #expect(lines.contains { $0.hasPrefix("data: {") })
            }
        }

        @Test("the audit is balanced while pods run, and names a planted orphan")
        func audit() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                #expect(try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true))
                let orphan = "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10"
                let mount = try #require(Census.hierarchies.first)
                try makeDirectory("\(mount)\(daemon.cgroupParent)/\(orphan)/pod")
                let audit = try client.send("GET", "/v1/audit?fresh=true")
                #expect(audit["balanced"] == .bool(false))
                #expect(audit.reply.text.contains(orphan))
                try Command.run(
                    "rmdir", "\(mount)\(daemon.cgroupParent)/\(orphan)/pod",
                    "\(mount)\(daemon.cgroupParent)/\(orphan)")
            }
        }

        @Test("promtool finds no fault in the metrics")
        func metrics() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let metrics = try client.send("GET", "/metrics").reply.text
                let lint = try Command.run("promtool", "check", "metrics", input: metrics)
                #expect(lint.status == 0, "\(lint.output)")
                #expect(lint.output.isEmpty, "\(lint.output)")
            }
        }

        @Test(
            "the TCP listener serves metrics and health alone, and pods' metrics if asked to",
            arguments: [[], ["--metrics-pods", "off"], ["--metrics-pods", "on"]])
        func tcpListener(_ setting: [String]) throws {
            try withDaemon(["--metrics-listen", "127.0.0.1:17496"] + setting) { _, _ in
                func status(_ path: String) throws -> String {
                    try Command.run(
                        "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                        "http://127.0.0.1:17496" + path
                    ).output
                }
                for path in ["/metrics", "/healthz", "/readyz"] {
                    let code = try status(path)
                    #expect(code == "200", "\(path)")
                }
                for path in ["/v1/pods", "/v1/stats"] { #expect(try status(path) == "404") }
                let ofPods = try status("/metrics/pods")
                #expect(ofPods == (setting.last == "on" ? "200" : "404"))
            }
        }

        @Test(
            "the daemon has exactly the document's routes, and any other method is 405 with Allow")
        func routes() throws {
            try withDaemon { _, client in
                for route in try Contract.shared.get().routes {
                    let path = route.template
                        .replacing("{operation}", with: "0199aaaa-0000-4000-8000-0123456789ab")
                        .replacing("{code}", with: "internal").replacing("{pod}", with: "p")
                        .replacing("{task}", with: "t")
                    let others = ["GET", "PUT", "POST", "PATCH", "DELETE", "BREW"]
                        .filter { !route.methods.contains($0) }
                    for method in others {
                        let answer = try client.send(method, path)
                        #expect(answer.code == "method-not-allowed", "\(method) \(path)")
                        let allowed = (answer.reply[header: "allow"] ?? "").split(separator: ",")
                            .map { $0.trimmingCharacters(in: .whitespaces) }
                            // HEAD comes with GET, and OPTIONS with any route.
                            .filter { $0 != "HEAD" && $0 != "OPTIONS" }
                        #expect(allowed.sorted() == route.methods, "\(path)")
                    }
                }
                for path in ["/", "/v2", "/v1/pods/p/exec", "/v1/pods/p/tasks/t/log", "/v1/"] {
                    #expect(try client.send("GET", path).code == "not-found")
                }
            }
        }

        @Test("the daemon serves the document byte for byte, and a page for every code in it")
        func document() throws {
            try withDaemon { _, client in
                let served = try client.send("GET", "/openapi.json")
                let contract = try Contract.shared.get()
                #expect(served.json == contract.document)
                let problem = contract.document["components"]?["schemas"]?["Problem"]
                let codes = problem?["properties"]?["code"]?["enum"]?.elements ?? []
                #expect(codes.count > 30)
                for code in codes.compactMap(\.string) {
                    #expect(try client.send("GET", "/problems/\(code)")["code"]?.string == code)
                }
                #expect(try client.send("GET", "/problems/no-such").code == "not-found")
                #expect(try client.send("GET", "/v1")["api"]?.string == "v1")
                #expect(try client.send("GET", "/healthz")["status"]?.string == "ok")
            }
        }
    }
}

/// `/v1/events` as it arrives, line by line.
final class EventStream {
    private let wire: Wire
    private var pending: [UInt8] = []

    init(_ daemon: Daemon, _ query: String) throws {
        wire = try Wire(path: daemon.socket)
        try wire.send("GET /v1/events?\(query) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard let head = try wire.receiveHead(), head.status == 200 else {
            throw Broken("no stream")
        }
    }

    /// Returns all events up to the first of that kind (and state), without the bookmarks; of one
    /// pod, if it is given. A bookmark comes every few seconds, so that the wait ends without the
    /// event, too.
    func read(
        until end: (kind: String, state: String?), of pod: String? = nil
    ) throws -> [JSONValue] {
        var events: [JSONValue] = []
        let clock = ContinuousClock()
        let last = clock.now + .seconds(60)
        while let chunk = try wire.receiveChunk() {
            guard clock.now < last else { throw Broken("no \(end) within a minute") }
            pending += chunk
            while let newline = pending.firstIndex(of: 10) {
                let event = try JSONValue.parse(Array(pending[..<newline]))
                pending.removeSubrange(...newline)
                let schema = try Contract.shared.get().schemas
                let shape = schema.document["components"]?["schemas"]?["Event"] ?? .bool(false)
                #expect(schema.faults(event, shape) == [])
                if let pod, event["pod"]?.string != pod { continue }
                if event["kind"] != .string("bookmark") { events.append(event) }
                let state = event["state"]?.string
                if event["kind"]?.string == end.kind, end.state == nil || end.state == state {
                    return events
                }
            }
        }
        throw Broken("the stream ended before \(end)")
    }
}
