// An entry with our mark that no record names is removed; an entry without the mark is not touched
// (law 15).

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Orphans {
        static let uid = "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10"

        @Test("orphans are removed at the start, by their own operations, and files of others stay")
        func atTheStart() throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                daemon.terminate()
                let leftovers = try Leftovers(daemon, Self.uid)
                // Names that are almost a pod's uid: upper case, version 4, the nil UUID.
                let names = [
                    "notes", Self.uid.uppercased(), "1f2e3d4c-5b6a-4798-8897-a6b5c4d3e2f1",
                    "00000000-0000-0000-0000-000000000000",
                ]
                let strangers = [daemon.dataDirectory, daemon.logDirectory].flatMap { folder in
                    names.map { "\(folder)/\($0)" }
                }
                for stranger in strangers { try makeDirectory(stranger) }
                try daemon.start()
                try eventually("the leftovers are gone") { leftovers.left == [] }
                let fresh = try client.send("GET", "/v1/audit?fresh=true")
                for stranger in strangers {
                    #expect(exists(stranger))
                    #expect(!fresh.reply.text.contains(stranger))
                }
                let operation = try eventuallySome("the removal's operation has ended") {
                    try client.send("GET", "/v1/operations?limit=1000")["items"]?.elements?.first {
                        $0["kind"]?.string == "orphan.remove"
                            && $0["state"]?.string == "succeeded"
                    }
                }
                #expect(operation["target"]?["kind"]?.string == "orphan")
                #expect(operation["target"]?["uid"]?.string == Self.uid)
                let kinds = try client.send("GET", "/v1/operations?limit=1000")["items"]?.elements
                #expect(kinds?.count { $0["kind"]?.string == "orphan.remove" } == 1)
                let metrics = try client.send("GET", "/metrics").reply.text
                #expect(metrics.contains("staunch_orphans_removed_total{kind=\"data\"} 1"))
                for stranger in strangers { try FileManager.default.removeItem(atPath: stranger) }
            }
        }

        @Test("the audit names an orphan until it can be removed")
        func stuckOrphan() throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                let place = "\(daemon.dataDirectory)/\(Self.uid)/app"
                try makeDirectory(place)
                // The test mounts it, and the daemon must never unmount it.
                try Command.run("mount", "-t", "tmpfs", "none", place)
                try write("canary", to: place + "/canary")
                defer { do { try Command.run("umount", place) } catch {} }
                let id = try eventuallySome("the audit names the orphan and its operation") {
                    let audit = try client.send("GET", "/v1/audit?fresh=true")
                    let rows = audit["resources"]?.elements ?? []
                    let isNamed = rows.contains { row in
                        row["kind"]?.string == "data"
                            && row["unrecorded"]?.elements?.contains {
                                $0.string == "\(daemon.dataDirectory)/\(Self.uid)"
                            } == true
                    }
                    return isNamed ? audit["operations"]?.elements?.first?.string : nil
                }
                try eventually("it says what it waits for") {
                    let operation = try client.send("GET", "/v1/operations/\(id)")
                    return operation["stalled", "step"]?.string == "files.remove"
                        && operation["stalled", "why"]?.string?.contains(place) == true
                }
                #expect(text(of: place + "/canary") == "canary")
                try Command.run("umount", place)
                #expect(try client.follow(id).state == "succeeded")
                #expect(!exists("\(daemon.dataDirectory)/\(Self.uid)"))
            }
        }

        @Test("a shim without a record is ended with its tasks")
        func orphanedShim() throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let shim = try #require(pod["shim", "pid"]?.integer)
                let task = try #require(pod["tasks", "app", "pid"]?.integer)
                daemon.terminate()
                let store = daemon.runDirectory + "/staunch.db"
                try Command.run("sqlite3", store, "DELETE FROM pods")
                try daemon.start()
                try eventually("shim and task are gone") {
                    !exists("/proc/\(shim)") && !exists("/proc/\(task)")
                }
                try eventually("the audit is balanced") {
                    try client.send("GET", "/v1/audit?fresh=true")["balanced"] == .bool(true)
                }
            }
        }
    }
}

/// One of each kind that a crash or a reboot may leave.
private struct Leftovers {
    private let paths: [String]

    init(_ daemon: Daemon, _ uid: String) throws {
        let cgroups = Census.hierarchies.map { "\($0)\(daemon.cgroupParent)/\(uid)" }
        paths =
            [
                "\(daemon.dataDirectory)/\(uid)", "\(daemon.logDirectory)/\(uid)",
                "\(daemon.runDirectory)/pods/\(uid)",
            ] + cgroups
        for path in paths {
            try makeDirectory(path + (cgroups.contains(path) ? "/pod/task-app" : "/app/upper"))
        }
    }

    var left: [String] { paths.filter(exists) }
}

/// Returns what `look` finds, as soon as it finds something.
func eventuallySome<Value>(
    _ what: String, within seconds: Double = 30, _ look: () throws -> Value?
) throws -> Value {
    var found: Value?
    try eventually(what, within: seconds) {
        found = try look()
        return found != nil
    }
    return try #require(found)
}
