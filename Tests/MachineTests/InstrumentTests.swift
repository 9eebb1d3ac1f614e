// The instruments are trusted because they have failed: here the contract's checker, and in
// CensusTests.swift the census.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite struct Instruments {
        @Test("the contract covers every route, and accepts each example of the document")
        func examplesHold() throws {
            let contract = try Contract()
            #expect(contract.routes.count == 35)
            for (name, schema) in (contract.document["components"]?["schemas"]?.members ?? [])
                .map({ ($0.name, $0.value) })
            {
                for example in schema["examples"]?.elements ?? [] {
                    #expect(contract.schemas.faults(example, schema) == [], "\(name)")
                }
            }
        }

        @Test("the contract refuses members that are not in the document", arguments: badReplies)
        func contractFails(_ bad: BadReply) throws {
            let reply = Reply(
                status: bad.status, headers: [("content-type", bad.type)],
                body: Array(bad.body.utf8))
            let faults = try Contract().faults(bad.method, bad.target, reply)
            #expect(faults.contains { $0.contains(bad.fault) }, "\(bad): \(faults)")
        }

        @Test("the contract accepts the document's own members")
        func contractHolds() throws {
            let reply = Reply(
                status: 200, headers: [("content-type", "application/json")],
                body: Array(#"{"status": "ok"}"#.utf8))
            #expect(try Contract().faults("GET", "/healthz", reply) == [])
        }
    }
}

struct BadReply: Sendable {
    let method: String
    let target: String
    let status: Int
    let type: String
    let body: String
    /// What the checker must report.
    let fault: String

    init(
        _ target: String, _ body: String, _ fault: String, method: String = "GET",
        status: Int = 200, type: String = "application/json"
    ) {
        self.method = method
        self.target = target
        self.status = status
        self.type = type
        self.body = body
        self.fault = fault
    }
}

let badReplies = [
    BadReply("/healthz", #"{"status": "fine"}"#, "const"),
    BadReply("/healthz", #"{"status": "ok", "new": 1}"#, "not documented"),
    BadReply("/healthz", #"{}"#, "no member status"),
    BadReply("/healthz", #"{"status": "ok"}"#, "the status is not", status: 299),
    BadReply("/healthz", #"{"status": "ok"}"#, "content type", type: "text/html"),
    BadReply("/healthz", #"{"status""#, "not JSON"),
    BadReply("/v2", #"{"status": "ok"}"#, "status is none of"),
    BadReply("/v1", #"{}"#, "no Allow", method: "POST", status: 405),
    BadReply("/v1/pods", #"{"items": 1, "next": null, "revision": 1}"#, "/items"),
    BadReply("/v1/pods", #"{"items": [], "next": null, "revision": 1.5}"#, "/revision"),
    BadReply("/v1/pods/a", #"{}"#, "no header ETag"),
    BadReply("/v1/pods/a", #"{}"#, "no header Retry-After", method: "DELETE", status: 202),
    BadReply("/v1/pods/a", "x", "a body without a documented one", method: "DELETE", status: 204),
]
