// Many clients that send nothing, or a byte now and then. S7 holds for every new client.

import Foundation
import Glibc
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ManyClients {
        @Test("10,000 silent and slow clients neither delay new clients nor cost memory")
        func silentClients() throws {
            try withDaemon { daemon, client in
                #expect(try client.send("GET", "/healthz").status == 200)
                let before = Resources(of: daemon)
                let storm = Storm(daemon.socket, size: Storm.most(10_000))
                var answers: [Double] = []
                var peak = before
                // While they connect, and then while some of them send a byte every 100 ms.
                storm.begin()
                while !storm.isOver {
                    answers.append(try newcomer(daemon))
                    peak = peak.highest(Resources(of: daemon))
                }
                try #require(storm.count >= Storm.most(10_000), "\(storm.count) came")
                for byte in "GET /v1/pods".utf8 {
                    storm.send(byte, fromLast: 500)
                    answers.append(try newcomer(daemon))
                    peak = peak.highest(Resources(of: daemon))
                    Thread.sleep(forTimeInterval: 0.1)
                }
                let sorted = answers.sorted()
                try #require(sorted.count > 12)
                print(
                    "clients: median \(sorted[sorted.count / 2]) s, worst \(sorted.last ?? 0) s,",
                    "\(sorted.count) newcomers, \(before) before, \(peak) at most")
                #expect(sorted[sorted.count / 2] < 0.1)
                #expect(peak.kibibytes - before.kibibytes < 64 << 10)
                #expect(peak.descriptors < 1400, "the bound and the evicted connections")
                storm.end()
                let metrics = try client.send("GET", "/metrics").reply.text
                let evicted = metrics.firstMatch(
                    of: /(?m)^staunch_http_connections_evicted_total (\d+)/)
                #expect(try #require(Int(evicted?.output.1 ?? "")) > 5000)
                try eventually("the resources of the clients are free again", within: 30) {
                    let now = Resources(of: daemon)
                    return now.descriptors <= before.descriptors + 2
                        && now.kibibytes - before.kibibytes < 32 << 10
                }
            }
        }

        /// Seconds until a new client has its answer.
        private func newcomer(_ daemon: Daemon) throws -> Double {
            try seconds {
                let wire = try Wire(path: daemon.socket, timeout: 20)
                try wire.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try wire.receive()?.status == 200)
            }
        }
    }
}

extension Daemon {
    /// The process's resident memory.
    var residentKibibytes: Int {
        let status = text(of: "/proc/\(pid)/status") ?? ""
        let resident = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return Int(resident?.split(separator: " ").dropFirst().first ?? "") ?? .max
    }
}

/// The daemon's resource usage at the moment.
private struct Resources {
    var kibibytes: Int
    var descriptors: Int

    init(of daemon: Daemon) {
        kibibytes = daemon.residentKibibytes
        descriptors = names(in: "/proc/\(daemon.pid)/fd").count
    }

    func highest(_ other: Resources) -> Resources {
        var both = self
        both.kibibytes = max(kibibytes, other.kibibytes)
        both.descriptors = max(descriptors, other.descriptors)
        return both
    }
}

/// Clients that only connect and stay, on a thread of their own.
// SAFETY: `wires` is used only under the lock.
private final class Storm: @unchecked Sendable {
    private let lock = NSLock()
    private let path: String
    private let size: Int
    private var wires: [Wire] = []
    private var hasEnded = false

    init(_ path: String, size: Int) {
        self.path = path
        self.size = size
    }

    /// At most `wanted`, within the process's descriptor limit and with some left for everything
    /// else.
    static func most(_ wanted: Int) -> Int {
        var limit = rlimit()
        // SAFETY: `limit` is written before the call returns, and not kept.
        unsafe getrlimit(__rlimit_resource_t(7), &limit)  // RLIMIT_NOFILE
        return min(wanted, Int(clamping: limit.rlim_cur) - 500)
    }

    var count: Int { lock.withLock { wires.count } }
    var isOver: Bool { lock.withLock { hasEnded } }

    func begin() {
        Thread.detachNewThread {
            for _ in 0..<self.size {
                do {
                    let wire = try Wire(path: self.path, timeout: 20)
                    self.lock.withLock { self.wires.append(wire) }
                } catch { break }
            }
            self.lock.withLock { self.hasEnded = true }
        }
    }

    /// Connections that the daemon closed to make room cannot send any more, as intended.
    func send(_ byte: UInt8, fromLast count: Int) {
        for wire in lock.withLock({ wires.suffix(count) }) {
            do { try wire.send([byte][...]) } catch { continue }
        }
    }

    func end() { lock.withLock { wires = [] } }
}
