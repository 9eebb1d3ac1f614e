// A long history is read in parts, to the end, and only its readers pay for it.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct History {
        private static let count = Installation.isDeep ? 100_000 : 20_000

        @Test("a long history is listed in order and to its end; an idle reader costs little")
        func history() throws {
            try withDaemon { daemon, client in
                let ids = (1...History.count).map { number in
                    // A later operation has a smaller id.
                    "fffffff0-0000-4000-8000-" + hex(History.count * 2 - number)
                }
                _ = try client.createPod("web", "{}")
                try record(ids, daemon)
                for query in ["", "&state=succeeded"] {
                    let (listed, longest) = try list(daemon, query)
                    // The first entry is the pod's own create.
                    let isWhole = Array(listed.dropFirst()) == ids
                    #expect(isWhole, "\(listed.count) of \(ids.count) operations, or another order")
                    #expect(longest < 1, "one page took \(longest) s")
                }
                #expect(try list(daemon, "&state=failed").ids == [])
                try follow(daemon, client)
            }
        }

        private func hex(_ number: Int) -> String {
            let digits = String(number, radix: 16)
            return String(repeating: "0", count: 12 - digits.utf8.count) + digits
        }

        /// The requests change nothing, and each is recorded under the client's id.
        private func record(_ ids: [String], _ daemon: Daemon) throws {
            let wire = try Wire(path: daemon.socket)
            for start in stride(from: 0, to: ids.count, by: 50) {
                let some = ids[start..<min(start + 50, ids.count)]
                for id in some {
                    try wire.send(
                        """
                        PUT /v1/pods/web HTTP/1.1\r\nHost: localhost\r\nOperation-Id: \(id)\r\n\
                        Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}
                        """)
                }
                for _ in some { #expect(try wire.receive()?.status == 200) }
            }
        }

        private func list(
            _ daemon: Daemon, _ query: String
        ) throws -> (ids: [String?], longest: Double) {
            let wire = try Wire(path: daemon.socket)
            var ids: [String?] = []
            var longest = 0.0
            var page = ""
            repeat {
                var body: [UInt8] = []
                let took = try seconds {
                    try wire.send(
                        """
                        GET /v1/operations?limit=1000\(query)\(page) HTTP/1.1\r\n\
                        Host: localhost\r\n\r\n
                        """)
                    body = try wire.receive()?.body ?? []
                }
                longest = max(longest, took)
                let list = try JSONValue.parse(body)
                ids += (list["items"]?.elements ?? []).map { $0["id"]?.string }
                page = list["next"]?.string.map { "&page=" + $0 } ?? ""
            } while !page.isEmpty && ids.count <= History.count * 2
            return (ids, longest)
        }

        private func follow(_ daemon: Daemon, _ client: Client) throws {
            let before = daemon.residentKibibytes
            let readers = try (0..<32).map { _ in try Follower(daemon) }
            let (one, rest) = (readers[0], readers.dropFirst())
            #expect(rest.count == 31)
            let cost = daemon.residentKibibytes - before
            #expect(cost < 16 << 10, "\(cost) KiB")
            let answers = try (0..<20).map { _ in try client.send("GET", "/v1/pods/web").took }
            #expect(answers.sorted()[10] < 0.1, "\(answers)")
            // One reader reads it all, and new events come after the history.
            _ = try client.createPod("other", "{}")
            let revisions = try one.read { $0.contains("\"pod\":\"other\"") }
            #expect(revisions.count > History.count)
            #expect(zip(revisions, revisions.dropFirst()).allSatisfy { $0 < $1 })
        }
    }
}

/// Follows the events from the first, as bytes.
private final class Follower {
    private let wire: Wire
    private var pending: [UInt8] = []

    /// Returns once the first chunk was received.
    init(_ daemon: Daemon) throws {
        wire = try Wire(path: daemon.socket)
        try wire.send("GET /v1/events?since=0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        guard try wire.receiveHead()?.status == 200 else { throw Broken("no stream") }
        pending = try wire.receiveChunk() ?? []
    }

    /// Returns the revisions of all events up to the first that matches `isLast`.
    func read(until isLast: (String) -> Bool) throws -> [Int] {
        var revisions: [Int] = []
        while true {
            let lines = pending.split(separator: 10, omittingEmptySubsequences: false)
            pending = Array(lines.last ?? [])
            for line in lines.dropLast() {
                let text = String(decoding: line, as: UTF8.self)
                let digits = text.utf8.drop { !(48...57).contains($0) }.prefix { $0 != 44 }
                if text.contains("\"bookmark\"") { continue }
                revisions.append(Int(String(decoding: Array(digits), as: UTF8.self)) ?? -1)
                if isLast(text) { return revisions }
            }
            guard let chunk = try wire.receiveChunk() else { throw Broken("the stream ended") }
            pending += chunk
        }
    }
}
