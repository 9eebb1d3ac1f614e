// Queries, pages and fingerprints.

import Documents
import HTTP
import Model
import Testing

@testable import API

@Suite struct Queries {
    private func query(_ text: String, _ known: [String]) throws -> Query {
        let request = HTTPRequest(method: "GET", target: "/x?\(text)")
        return try Query(request.query, known: known, instance: "/x")
    }

    private func problem(_ body: () throws -> Void) -> Problem? {
        do { try body() } catch { return error as? Problem }
        return nil
    }

    @Test("what nobody knows, and what comes twice, is refused by its name, all at once")
    func strict() throws {
        let refused = problem { _ = try query("a=1&b=2&limit=1&limit=2&a=3", ["limit"]) }
        #expect(refused?.code == .malformedRequest)
        for name in ["'a'", "'b'", "'limit'"] {
            #expect(refused?.detail.contains(name) == true, "\(name)")
        }
        #expect(problem { _ = try query("label=a=b&label=c=d", ["label"]) } == nil)
    }

    @Test("a value that does not fit is refused", arguments: ["0", "1001", "-1", "+1", "x", "1.5"])
    func limits(text: String) throws {
        let query = try query("limit=" + text.replacing("+", with: "%2B"), ["limit"])
        #expect(problem { _ = try Paging(query) }?.code == .malformedRequest)
    }

    @Test(
        "numbers are those of JSON, and not below 0",
        arguments: ["inf", "nan", "0x1p3", "1e", "e3", ".5", "", "-1", "-1e-9", "+1", "1 "])
    func notSeconds(text: String) { #expect(seconds(text) == nil) }

    @Test("grace is milliseconds of at most a day")
    func grace() throws {
        #expect(try query("grace=1.5", ["grace"]).grace() == 1500)
        #expect(try query("grace=1e1", ["grace"]).grace() == 10_000)
        #expect(try query("grace=1.192092896e-07", ["grace"]).grace() == 0)
        #expect(try query("grace=-0.0", ["grace"]).grace() == 0)
        #expect(try query("", ["grace"]).grace() == nil)
        #expect(problem { _ = try query("grace=86401", ["grace"]).grace() } != nil)
        #expect(problem { _ = try query("wait=301", ["wait"]).wait() } != nil)
        #expect(problem { _ = try query("fresh", ["fresh"]).flag("fresh") } != nil)
    }

    @Test("a page's token says the uid, and nothing else is one")
    func tokens() throws {
        for _ in 0..<100 {
            let uid = UID(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
            #expect(PageToken.uid(PageToken.text(uid)) == uid)
        }
        let other = String(repeating: "A", count: 21)
        #expect(PageToken.uid(other + "A") == UID(high: 0, low: 0))
        for text in ["", "!", other, other + "B", other + "AA", other + "="] {
            #expect(PageToken.uid(text) == nil, "\(text)")
        }
    }

    @Test("pages meet without a gap, also where the item between them has gone")
    func pages() throws {
        let uids = (1...10).map { UID(high: UInt64($0), low: 0) }
        var first = try Paging(query("limit=4", ["limit"])).page(uids, \.self) { _ in true }
        #expect(first.items == Array(uids[..<4]))
        let next = try #require(first.next)
        let known = ["limit", "page"]
        let rest = try Paging(query("limit=6&page=\(next)", known))
        #expect(rest.page(uids, \.self) { _ in true }.items == Array(uids[4...]))
        #expect(rest.page(uids, \.self) { _ in true }.next == nil)
        let without = uids.filter { $0 != uids[3] }
        #expect(rest.page(without, \.self) { _ in true }.items == Array(uids[4...]))
        first = try Paging(query("limit=2", ["limit"])).page(uids, \.self) { $0.high % 5 == 0 }
        #expect(first.items == [uids[4], uids[9]])
        #expect(first.next == nil)
    }

    @Test("a request's fingerprint is that of method, path, query and body")
    func fingerprints() {
        let requests = [
            ("PUT", "/a", "{}"), ("POST", "/a", "{}"), ("PUT", "/b", "{}"), ("PUT", "/a?x", "{}"),
            ("PUT", "/a?x=", "{}"), ("PUT", "/a?x=1", "{}"), ("PUT", "/a", "{ }"),
        ]
        let values = requests.map { method, target, body in
            Fingerprint(
                of: HTTPRequest(method: method, target: target, body: Array(body.utf8))
            ).value
        }
        #expect(Set(values).count == requests.count)
        let again = HTTPRequest(method: "PUT", target: "/a", body: Array("{}".utf8))
        #expect(Fingerprint(of: again).value == values[0])
    }
}
