// These tests run in a process of their own, so that they own every thread and descriptor.

import Foundation
import HTTP
import Testing

private func entries(_ path: String) -> Int {
    ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).count
}

private let threads = "/proc/self/task"
private let descriptors = "/proc/self/fd"

@Suite struct LeftoverTests {
    @Test func aStoppedServerLeavesNoThreadAndNoDescriptor() async {
        await #expect(processExitsWith: .success) {
            try serveAndStop()
            let before = entries(descriptors)
            for _ in 0..<10 {
                try serveAndStop()
                // The kernel removes a joined thread from the list a moment later.
                try #require(eventually { ownThreads() == 0 })
            }
            // The Swift runtime's own descriptors vary by one or two; a leak would be ten.
            try #require(entries(descriptors) < before + 5)
        }
    }

    @Test func noProcessSignalIsTakenByAThreadOfTheServer() async {
        await #expect(processExitsWith: .success) {
            let bench = try Bench()
            try #require(eventually { ownThreads() == 2 })
            for status in ownStatuses() {
                let mask = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") } ?? ""
                // SIGINT, SIGTERM, SIGHUP and SIGCHLD are bits 1, 14, 0 and 16.
                let bits = UInt64(mask.dropFirst(7).drop { $0.isWhitespace }, radix: 16) ?? 0
                try #require(bits & 0x1_4003 == 0x1_4003)
            }
            bench.end()
        }
    }

    @Test func anIdleServerUsesNoProcessorTime() async {
        await #expect(processExitsWith: .success) {
            let bench = try Bench()
            let client = bench.client()
            client.send("GET /wait?s=60 HTTP/1.1\r\nHost: x\r\n\r\n")
            try #require(eventually { bench.server.waits == 1 })
            let before = switches()
            usleep(500_000)
            try #require(switches() <= before + 2)
            bench.end()
        }
    }
}

/// The server closes its own descriptors when the last reference to the server goes.
private func serveAndStop() throws {
    let bench = try Bench()
    try #require(eventually { ownThreads() == 2 }, "a blind counter proves nothing")
    let clients = (0..<20).map { _ in bench.client() }
    for client in clients { client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n") }
    try #require(eventually { bench.server.waits == 20 })
    bench.end()
    for client in clients { client.hangUp() }
}

/// /proc's status of the server's threads. The Swift runtime and Swift Testing have other threads,
/// which come and go.
private func ownStatuses() -> [String] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: threads)) ?? []
    return all.compactMap { thread in
        try? String(contentsOfFile: "\(threads)/\(thread)/status", encoding: .utf8)
    }.filter { $0.hasPrefix("Name:\thttp-watch") || $0.hasPrefix("Name:\tMHD") }
}

private func ownThreads() -> Int { ownStatuses().count }

/// How often the server's threads went to sleep.
private func switches() -> Int {
    ownStatuses().reduce(0) { sum, status in
        let line = status.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt") } ?? ""
        return sum + (Int(line.split(separator: "\t").last ?? "") ?? 0)
    }
}
