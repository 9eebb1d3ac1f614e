// Headers that clients write: Prefer and Accept.

import Testing

@testable import API

@Suite struct Headers {
    @Test(
        "Prefer: wait is read, cut to 300 s, and ignored if it is not a number",
        arguments: [
            ("wait=30", 30), ("wait", 30), ("WAIT=5", 5), ("wait=301", 300), ("wait=0", 0),
            ("wait=1.5", 1.5), ("wait = 7", 7), ("wait=\"9\"", 9), ("wait=\"\"", 30),
            ("respond-async, wait=10", 10), ("wait=4; foo=bar", 4), ("wait=3, wait=9", 3),
            ("wait=soon", nil), ("wait=-1", nil), ("wait=inf", nil), ("waiting=3", nil),
            ("return=minimal", nil), ("", nil), ("wait=99999999999999999999", 300),
        ] as [(String, Double?)])
    func prefer(text: String, seconds: Double?) {
        #expect(Waiting.preference([("pReFeR", text)]) == seconds)
    }

    @Test("every Prefer header is read, and no other header")
    func severalHeaders() {
        let headers = [("X-Prefer", "wait=1"), ("Prefer", "return=minimal"), ("Prefer", "wait=2")]
        #expect(Waiting.preference(headers) == 2)
        #expect(Waiting.preference([]) == nil)
    }

    static let events = ["application/x-ndjson", "text/event-stream"]
    static let json = ["application/json"]

    @Test(
        "the Accept header chooses the media type",
        arguments: [
            (nil, json, "application/json"), ("*/*", json, "application/json"),
            ("text/html", json, nil), ("text/html, application/*;q=0.1", json, "application/json"),
            ("application/json;q=0", json, nil), ("*/*, application/json;q=0", json, nil),
            ("APPLICATION/JSON; charset=utf-8", json, "application/json"),
            ("text/event-stream", events, "text/event-stream"),
            ("*/*;q=0.1, text/event-stream", events, "text/event-stream"),
            ("text/*, application/x-ndjson", events, "application/x-ndjson"),
            ("application/problem+json", json, nil), ("nonsense", json, nil),
            ("*", json, "application/json"), ("*;q=0", json, nil), (",;,", json, nil),
            ("text/html, image/gif, *; q=.2, */*; q=.2", json, "application/json"),
            ("application/json;q=.5", json, "application/json"),
            ("application/json;q=high", json, "application/json"),
            ("application/json;q=", json, "application/json"),
            ("application/x-ndjson;q=.2, text/event-stream;q=.3", events, "text/event-stream"),
            ("application/x-ndjson;q=9, text/event-stream", events, "application/x-ndjson"),
        ] as [(String?, [String], String?)])
    func accept(header: String?, offers: [String], chosen: String?) {
        #expect(negotiate(header, offers) == chosen)
    }
}
