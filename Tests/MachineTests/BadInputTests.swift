// Invalid input from clients yields a clear problem or a closed connection, never half a pod.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct BadInput {
        @Test("all faults are reported in one answer, each with its JSON pointer")
        func faults() throws {
            try withDaemon { daemon, client in
                for row in BadRequest.all {
                    let target = row.target ?? "/v1/pods/bad"
                    let answer = try client.send(
                        row.method, target, row.body, headers: row.headers)
                    let context = Comment(rawValue: "\(row.method) \(target) \(row.body ?? "")")
                    #expect(answer.code == row.code, context)
                    // If the text is not JSON, no pointer can name a place for sure.
                    guard row.code != "malformed-json" else { continue }
                    #expect(answer.pointers == row.pointers.sorted(), context)
                }
                #expect(try client.send("GET", "/v1/pods")["items"]?.elements == [])
                #expect(try client.send("GET", "/v1/operations")["items"]?.elements == [])
            }
        }

        @Test("a body over 1 MiB and a body nested too deep are refused")
        func bounds() throws {
            try withDaemon { _, client in
                let big = "{\"hostname\": \"\(String(repeating: "a", count: 1 << 20))\"}"
                let tooBig = try client.send("PUT", "/v1/pods/bad", big)
                #expect(tooBig.code == "body-too-large")
                let deep =
                    String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
                let tooDeep = try client.send("PUT", "/v1/pods/bad", deep)
                #expect(tooDeep.code == "too-deep")
            }
        }

        @Test("patches that each fit are refused if the pod would exceed the limit of a PUT")
        func growth() throws {
            try withDaemon { _, client in
                _ = try client.createPod("web", "{}")
                let value = String(repeating: "x", count: 60_000)
                func patch(_ prefix: String) throws -> Answer {
                    let notes = (0..<16).map { "\"\(prefix)\($0)\": \"\(value)\"" }
                    let body = "{\"annotations\": {\(notes.joined(separator: ","))}}"
                    return try client.send("PATCH", "/v1/pods/web", body)
                }
                let first = try patch("a")
                #expect(first.status == 200)
                for prefix in ["b", "c"] {
                    let answer = try patch(prefix)
                    #expect(answer.code == "document-too-large" && answer.status == 413)
                }
                let length = try client.send("GET", "/v1/pods/web").reply.text.utf8.count
                #expect(length < 1 << 20)
                _ = try client.createPod("other", "{}")
                let page = try client.send("GET", "/v1/pods?limit=1000")
                #expect(page["items"]?.elements?.count == 2 && page["next"] == .null)
            }
        }

        @Test("a client that disconnects at any byte leaves nothing half made")
        func disconnects() throws {
            try withDaemon { daemon, client in
                let body = "{\"labels\": {\"a\": \"b\"}}"
                let request = Array(
                    """
                    PUT /v1/pods/half HTTP/1.1\r\nHost: localhost\r\n\
                    Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n\
                    \(body)
                    """.utf8)
                let step = Installation.isDeep ? 1 : 7
                for end in stride(from: 0, to: request.count, by: step) {
                    let wire = try Wire(path: daemon.socket)
                    try wire.send(request[..<end])
                }
                #expect(try client.send("GET", "/v1/pods/half").code == "pod-unknown")
                // The client leaves after the last byte. The request was read or not, but never
                // half.
                do {
                    let wire = try Wire(path: daemon.socket)
                    try wire.send(request[...])
                }
                try eventually("the pod is there, or it never was") {
                    let pod = try client.send("GET", "/v1/pods/half")
                    let operations = try client.send("GET", "/v1/operations")
                    return pod.state == "ready"
                        || pod.status == 404 && operations["items"]?.elements == []
                }
                // A request that was read is carried out, even if no client takes the answer.
                let patient = try Wire(path: daemon.socket)
                try patient.send(request[...])
                try eventually("the pod is there") {
                    try client.send("GET", "/v1/pods/half").state == "ready"
                }
            }
        }

        @Test("a client that leaves a wait changes nothing")
        func leavesAWait() throws {
            try withDaemon { daemon, client in
                do {
                    let wire = try Wire(path: daemon.socket)
                    let body = daemon.rootfs.sleeper
                    try wire.send(
                        """
                        PUT /v1/pods/web HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\
                        Content-Length: \(body.utf8.count)\r\n\r\n\(body)
                        """)
                    try eventually("the request was accepted") {
                        try client.send("GET", "/v1/pods/web").status == 200
                    }
                }
                try eventually("the pod is ready") {
                    try client.send("GET", "/v1/pods/web").state == "ready"
                }
            }
        }

        @Test("a body without a recognizable end is refused at once, with a problem document")
        func framing() throws {
            try withDaemon { daemon, _ in
                for (fields, status, code) in [
                    ("Content-Length: 2\r\nContent-Length: 3", 400, "malformed-request"),
                    ("Transfer-Encoding: chunked\r\nContent-Length: 2", 400, "malformed-request"),
                    ("Transfer-Encoding: gzip", 501, "transfer-coding-unknown"),
                ] {
                    let wire = try Wire(path: daemon.socket, timeout: 5)
                    try wire.send(
                        """
                        PUT /v1/pods/web HTTP/1.1\r\nHost: localhost\r\n\
                        Content-Type: application/json\r\n\(fields)\r\n\r\n
                        """)
                    let reply = try #require(try wire.receive())
                    #expect(reply.status == status)
                    #expect(reply.text.contains("\"code\":\"\(code)\""))
                    #expect(try wire.receive() == nil)
                }
            }
        }

        @Test("HTTP/1.0, pipelining and chunked bodies are served, and other bytes are refused")
        func transport() throws {
            try withDaemon { daemon, client in
                let old = try Wire(path: daemon.socket)
                try old.send("GET /healthz HTTP/1.0\r\n\r\n")
                #expect(try old.receive()?.status == 200)
                #expect(try old.receive() == nil)

                let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                let many = try Wire(path: daemon.socket)
                try many.send(get + get + get)
                for _ in 0..<3 { #expect(try many.receive()?.status == 200) }

                let chunked = try Wire(path: daemon.socket)
                try chunked.send(
                    """
                    PUT /v1/pods/web HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
                    1\r\n{\r\n1\r\n}\r\n0\r\n\r\n
                    """)
                #expect(try chunked.receive()?.status == 201)

                let noise = try Wire(path: daemon.socket)
                try noise.send("\u{1}\u{2}nonsense\r\n\r\n")
                noise.finishSending()
                if let reply = try noise.receive() { #expect(reply.status >= 400) }
                #expect(try client.send("GET", "/healthz").status == 200)
            }
        }
    }
}

struct BadRequest: Sendable {
    let method: String
    let target: String?
    let body: String?
    var headers: [String: String]
    let code: String
    let pointers: [String]

    init(
        _ code: String, _ body: String? = nil, _ pointers: [String] = [], method: String = "PUT",
        target: String? = nil, headers: [String: String] = [:]
    ) {
        self.code = code
        self.body = body
        self.pointers = pointers
        self.method = method
        self.target = target
        self.headers = headers
    }

    /// A pod with one task that has `members` beside the required ones.
    static func task(_ code: String, _ members: String, _ pointers: String...) -> BadRequest {
        let body = """
            {"tasks": {"app": {"rootfs": {"path": "/r"}, "args": ["x"], \(members)}}}
            """
        return BadRequest(code, body, pointers.map { "/tasks/app" + $0 })
    }

    static let all = malformed + documents + tasks + headers + queries + late

    /// The daemon reports a request's faults before any fault of its id. This id is older than the
    /// host's boot.
    static let late =
        (malformed + documents + tasks).map { row in
            var row = row
            row.headers = ["Operation-Id": "01900000-0000-7000-8000-000000000000"]
            return row
        } + [
            BadRequest(
                "malformed-json", "\u{0}", method: "POST", target: "/v1/pods/a/stop",
                headers: ["Operation-Id": "01900000-0000-7000-8000-000000000000"]),
            BadRequest(
                "malformed-request", method: "DELETE", target: "/v1/pods/a?grace=-1",
                headers: ["Operation-Id": "01900000-0000-7000-8000-000000000000"]),
        ]

    static let malformed = [
        BadRequest("malformed-json", "{"), BadRequest("malformed-json", "{} x"),
        BadRequest("malformed-json", #"{"labels": {"a": "1", "a": "2"}}"#),
        BadRequest("malformed-json", #"{"resources": {"cpus": NaN}}"#),
        BadRequest("malformed-json", "{\"hostname\": \"\u{1}\"}"),
    ]

    static let documents = [
        BadRequest("invalid-document", "[]", [""]),
        BadRequest(
            "invalid-document", #"{"colour": 1, "labels": [], "tasks": {"A_": 1}}"#,
            // A bad name, and no task either.
            ["/colour", "/labels", "/tasks/A_", "/tasks/A_"]),
        BadRequest(
            "invalid-document", #"{"tasks": {"a": {}}}"#, ["/tasks/a/args", "/tasks/a/rootfs"]),
        BadRequest(
            "invalid-document", #"{"resources": {"memory": -1, "cpus": 0, "pids": 0}}"#,
            ["/resources/memory", "/resources/cpus", "/resources/pids"]),
        BadRequest(
            "invalid-document", #"{"resources": {"memory": 4096}}"#, ["/resources/memory"]),
        BadRequest("invalid-document", #"{"network": {"mode": "moon"}}"#, ["/network/mode"]),
        BadRequest(
            "invalid-document", #"{"network": {"mode": "cni", "name": "a b", "ports": []}}"#,
            ["/network/name"]),
        BadRequest(
            "invalid-document", #"{"sharePID": true, "hostPID": true}"#, ["/sharePID"]),
        BadRequest("invalid-document", #"{"dns": [], "colour": 1}"#, ["/dns", "/colour"]),
        BadRequest(
            "invalid-document", #"{"sysctls": {"vm.swappiness": "1", "net.a": ""}}"#,
            ["/sysctls/vm.swappiness", "/sysctls/net.a"]),
    ]

    static let tasks = [
        task(
            "invalid-document", #""restart": {"policy": "mostly", "maxRetries": -1}"#,
            "/restart/policy", "/restart/maxRetries"),
        task(
            "invalid-document", #""restart": {"backoff": {"initial": -1, "max": "60"}}"#,
            "/restart/backoff/initial", "/restart/backoff/max"),
        task("invalid-document", #""cwd": "relative""#, "/cwd"),
        task("invalid-document", #""cwd": "/a/../../b""#, "/cwd"),
        task("invalid-document", #""env": {"A=B": "1", "": "2"}"#, "/env/A=B", "/env/"),
        task("invalid-document", #""user": "a:b:c", "stopSignal": "NOPE""#, "/user", "/stopSignal"),
        task("invalid-document", #""gracePeriod": 86401, "start": 1"#, "/gracePeriod", "/start"),
        task("invalid-document", #""capabilities": {"add": ["FLY"]}"#, "/capabilities/add/0"),
        task(
            "invalid-document", #""mounts": [{"type": "tmpfs", "target": "/proc/x"}]"#,
            "/mounts/0/target"),
        task(
            "invalid-document",
            #""mounts": [{"type": "tmpfs", "target": "/a"}, {"type": "tmpfs", "target": "/a"}]"#,
            "/mounts/1/target"),
        task("invalid-document", #""mounts": [{"type": "nfs", "target": "/a"}]"#, "/mounts/0/type"),
    ]

    static let headers = [
        BadRequest("unsupported-media-type", "{}", headers: ["Content-Type": "text/plain"]),
        BadRequest("not-acceptable", "{}", headers: ["Accept": "text/html"]),
        BadRequest("malformed-request", "{}", headers: ["Operation-Id": "seven"]),
        BadRequest(
            "malformed-request", "{}",
            headers: ["Operation-Id": "00000000-0000-0000-0000-000000000000"]),
        BadRequest(
            "malformed-request", "{}",
            headers: ["Operation-Id": "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"]),
        BadRequest("precondition-failed", "{}", headers: ["If-Match": "\"x\""]),
    ]

    static let queries = [
        BadRequest("malformed-request", "{}", target: "/v1/pods/Not_A_Label"),
        BadRequest("malformed-request", method: "DELETE", target: "/v1/pods/a?uid=1"),
        BadRequest("malformed-request", method: "DELETE", target: "/v1/pods/a?grace=-1"),
        BadRequest("malformed-request", method: "DELETE", target: "/v1/pods/a?force=true"),
        BadRequest("malformed-request", method: "GET", target: "/v1/pods?limit=0"),
        BadRequest("malformed-request", method: "GET", target: "/v1/pods?limit=1001"),
        BadRequest("malformed-request", method: "GET", target: "/v1/pods?page=!"),
        BadRequest("malformed-request", method: "GET", target: "/v1/events?since=then"),
        BadRequest("malformed-request", method: "GET", target: "/v1/operations/7"),
    ]
}
