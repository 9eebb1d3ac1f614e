// The client of the tests: one keep-alive connection. Every reply is checked against the document.

import Foundation
import JSON
import Testing

final class Client {
    private let path: String
    private var wire: Wire?

    init(_ path: String) { self.path = path }

    /// Sends one request and reads its reply. A reply that the document does not describe fails the
    /// test.
    @discardableResult
    func send(
        _ method: String, _ target: String, _ body: String? = nil, headers: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Answer {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            head += "\(name): \(value)\r\n"
        }
        if let body {
            if headers["Content-Type"] == nil { head += "Content-Type: application/json\r\n" }
            head += "Content-Length: \(body.utf8.count)\r\n"
        }
        var reply: Reply?
        let took = try MachineTests.seconds {
            reply = try exchange(head + "\r\n" + (body ?? ""), method: method)
        }
        let whole = try #require(reply)
        try Contract.check(method, target, whole, sourceLocation: sourceLocation)
        return try Answer(whole, took: took)
    }

    /// Sends once more if the kept connection is closed, because the daemon may have died since the
    /// last reply. So a request may arrive twice, as from any client that retries.
    private func exchange(_ request: String, method: String) throws -> Reply {
        if let wire {
            do {
                if let reply = try wire.exchange(request, method) { return keep(reply) }
            } catch is Broken {}
            self.wire = nil
        }
        let fresh = try Wire(path: path)
        wire = fresh
        do {
            guard let reply = try fresh.exchange(request, method) else {
                throw Broken("closed without a reply")
            }
            return keep(reply)
        } catch {
            wire = nil
            throw error
        }
    }

    private func keep(_ reply: Reply) -> Reply {
        if reply[header: "connection"]?.lowercased() == "close" { wire = nil }
        return reply
    }
}

extension Wire {
    /// A server may answer and close before it reads the whole request. Then sending fails, but the
    /// answer is there.
    fileprivate func exchange(_ request: String, _ method: String) throws -> Reply? {
        var failure: Broken?
        do { try send(request) } catch let broken as Broken { failure = broken }
        if let reply = try receive(method: method) { return reply }
        if let failure { throw failure }
        return nil
    }
}

/// A reply with its parsed document.
struct Answer {
    let reply: Reply
    let json: JSONValue
    /// Seconds from the request's first byte to the reply's last, without the check after it.
    let took: Double

    init(_ reply: Reply, took: Double) throws {
        self.reply = reply
        self.took = took
        let isJSON = reply[header: "content-type"]?.contains("json") == true
        json = isJSON && !reply.body.isEmpty ? try JSONValue.parse(reply.body) : .null
    }

    var status: Int { reply.status }
    var code: String? { json["code"]?.string }
    var id: String { json["id"]?.string ?? "" }
    var uid: String { json["uid"]?.string ?? "" }
    var state: String? { json["state"]?.string }
    var pointers: [String] {
        (json["errors"]?.elements ?? []).compactMap { $0["pointer"]?.string }.sorted()
    }

    subscript(path: String...) -> JSONValue? {
        path.reduce(json as JSONValue?) { value, name in value?[name] }
    }
}

/// Short forms that most tests use.
extension Client {
    func createPod(_ name: String, _ body: String) throws -> Answer {
        try send("PUT", "/v1/pods/\(name)", body, headers: ["Prefer": "wait=60"])
    }

    /// Deletes, and waits for the end.
    @discardableResult
    func deletePod(_ name: String, query: String = "grace=0") throws -> Answer {
        try send("DELETE", "/v1/pods/\(name)?\(query)", headers: ["Prefer": "wait=60"])
    }

    /// Returns the operation once it has ended.
    func follow(_ operation: String, within seconds: Int = 60) throws -> Answer {
        try send("GET", "/v1/operations/\(operation)?wait=\(seconds)")
    }

    /// Waits for a task's state, and returns the task.
    @discardableResult
    func waitForTask(_ pod: String, _ task: String, _ state: String) throws -> Answer {
        var last: Answer?
        try eventually("\(pod)/\(task) is \(state)") {
            last = try send("GET", "/v1/pods/\(pod)/tasks/\(task)")
            return last?.state == state
        }
        return try #require(last)
    }
}
