// A wall clock that is set back decides nothing (law 17).

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct FaultsClock {
        @Test("a clock that jumps back an hour changes no order, no duration and no result")
        func jumpsBack() throws {
            try withFault("clock back an hour", setUp: { $0.environment = Self.clock(of: $0) }) {
                daemon, client in
                let deaf = "trap '' TERM; echo up; while true; do sleep 0.05; done"
                let web = try client.createPod("web", daemon.rootfs.pod(deaf))
                let log = "\(daemon.logDirectory)/\(web.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let stop = try client.send("POST", "/v1/pods/web/stop", #"{"grace": 1.5}"#)
                try write("-1h", to: Self.file(daemon))
                try eventually("the daemon's clock is back an hour") {
                    try self.age(
                        of: client.createPod("probe-\(UUID().uuidString.lowercased())", "{}"))
                        > 3000
                }
                // The order of acceptance decides, although its time and its id are earlier.
                let delete = try client.send("DELETE", "/v1/pods/web?grace=1")
                #expect(try client.follow(stop.id).state == "succeeded")
                #expect(try client.follow(delete.id).state == "succeeded")
                let after = try client.createPod("after", daemon.rootfs.sleeper)
                #expect(after.uid > web.uid, "uids only grow while a daemon lives")
                try daemon.crashAndRestart()
                #expect(try client.send("GET", "/v1/operations/\(stop.id)").state == "succeeded")
                let took = try seconds { try client.deletePod("after", query: "grace=0") }
                #expect(took < 5)
            }
        }

        @Test("after a clock was days ahead and came back, a late retry deletes no successor")
        func jumpsAheadAndBack() throws {
            try withFault(
                "clock days ahead, and back", setUp: { $0.environment = Self.clock(of: $0) }
            ) { daemon, client in
                let headers = ["Operation-Id": Self.timedID()]
                _ = try client.createPod("web", "{}")
                let delete = try client.send("DELETE", "/v1/pods/web", headers: headers)
                #expect(try client.follow(delete.id).state == "succeeded")
                let successor = try client.createPod("web", "{}")
                try write("+9d", to: Self.file(daemon))
                try eventually("the daemon's clock is days ahead") {
                    try self.age(
                        of: client.createPod("probe-\(UUID().uuidString.lowercased())", "{}"))
                        < -700_000
                }
                // The daemon prunes every 512 changes.
                for _ in 0..<1100 {
                    let patch = try client.send(
                        "PATCH", "/v1/pods/web", "{}",
                        headers: ["Operation-Id": UUID().uuidString])
                    try #require(patch.status == 200)
                }
                try write("+0", to: Self.file(daemon))
                try eventually("the daemon's clock is right") {
                    try self.age(
                        of: client.createPod("probe-\(UUID().uuidString.lowercased())", "{}"))
                        > -1000
                }
                let late = try client.send("DELETE", "/v1/pods/web", headers: headers)
                #expect(late.status == 200)
                #expect(late.id == delete.id)
                let after = try client.send("GET", "/v1/pods/web")
                #expect(after.uid == successor.uid)
                #expect(after.state == "ready")
            }
        }

        /// A UUIDv7 of the current time.
        private static func timedID() -> String {
            let time = String(Int64(Date().timeIntervalSince1970 * 1000), radix: 16)
            let digits = String(repeating: "0", count: 12 - time.count) + time
            return digits.prefix(8) + "-" + digits.suffix(4) + "-7000-8000-000000000001"
        }

        /// Seconds since the pod's creation, by this process's own clock.
        private func age(of pod: Answer) throws -> Double {
            let format = ISO8601DateFormatter()
            format.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
            let made = try #require(pod["createdAt"]?.string.flatMap(format.date(from:)))
            return -made.timeIntervalSinceNow
        }

        private static func file(_ daemon: Daemon) -> String { daemon.home + "/clock" }

        /// libfaketime for the wall clock alone; a file contains the time.
        private static func clock(of daemon: Daemon) -> [String: String] {
            do { try write("+0", to: file(daemon)) } catch { Issue.record("\(error)") }
            daemon.removals.append(removeShared)
            return [
                "LD_PRELOAD": "/usr/lib/\(machine)-linux-gnu/faketime/libfaketime.so.1",
                "FAKETIME_TIMESTAMP_FILE": file(daemon), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            ]
        }

        /// Removes the shared memory that libfaketime left for dead pids. Living processes keep
        /// theirs.
        private static func removeShared() {
            for name in names(in: "/dev/shm") where name.contains("faketime_s") {
                guard let pid = name.split(separator: "_").last, !exists("/proc/\(pid)") else {
                    continue
                }
                do { try FileManager.default.removeItem(atPath: "/dev/shm/" + name) } catch {}
            }
        }

        #if arch(arm64)
            private static let machine = "aarch64"
        #else
            private static let machine = "x86_64"
        #endif
    }
}
