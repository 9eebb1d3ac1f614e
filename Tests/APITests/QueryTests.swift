// Queries, pages and fingerprints.

import Bytes
import Documents
import HTTP
import JSON
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

    @Test("all unknown and repeated parameters are refused in one answer, each by its name")
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
        "numbers have JSON's form, and are at least 0",
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

    @Test("a page's token contains the uid, and any other text is refused")
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

    /// A list item of the requested size.
    private struct Item: DocumentEncodable {
        let uid: UID
        var size = 0

        func write(to writer: inout JSONWriter) {
            writer.beginObject()
            writer.key("uid")
            writer.value(uid.description)
            writer.key("text")
            writer.value(String(repeating: "x", count: size))
            writer.endObject()
        }
    }

    private func page(
        _ items: [Item], _ text: String, where matches: (Item) -> Bool = { _ in true }
    ) throws -> (items: [String?], next: String?) {
        let list = try Paging(query(text, ["limit", "page"]))
            .list(items, \.uid, revision: 1, where: matches)
        let document = try JSONValue.parse(list.bytes)
        return (
            (document["items"]?.elements ?? []).map { $0["uid"]?.string },
            document["next"]?.string
        )
    }

    @Test("pages meet without a gap, even if the item between them was removed")
    func pages() throws {
        let items = (1...10).map { Item(uid: UID(high: UInt64($0), low: 0)) }
        let uids = items.map(\.uid.description)
        var first = try page(items, "limit=4")
        #expect(first.items == Array(uids[..<4]))
        let rest = "limit=6&page=\(try #require(first.next))"
        #expect(try page(items, rest).items == Array(uids[4...]))
        #expect(try page(items, rest).next == nil)
        let without = items.filter { $0.uid != items[3].uid }
        #expect(try page(without, rest).items == Array(uids[4...]))
        first = try page(items, "limit=2") { $0.uid.high % 5 == 0 }
        #expect(first.items == [uids[4], uids[9]])
        #expect(first.next == nil)
    }

    @Test("a page of large items ends early, but has at least one item")
    func pagesOfLargeItems() throws {
        let sizes = [2 << 20, 10, 600_000, 600_000, 600_000]
        let items = sizes.enumerated().map { Item(uid: UID(high: UInt64($0), low: 0), size: $1) }
        var seen: [String?] = []
        var counts: [Int] = []
        var next: String?
        repeat {
            let page = try page(items, "limit=5" + (next.map { "&page=" + $0 } ?? ""))
            seen += page.items
            counts.append(page.items.count)
            next = page.next
        } while next != nil && counts.count < 9
        #expect(seen == items.map(\.uid.description))
        #expect(counts == [1, 3, 1])
    }

    @Test("a request's fingerprint covers its method, path, query and body")
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
