// The table of DELETE (API.md) for pods and tasks, and operation ids that the client chooses.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Delete {
        @Test("each row of the table of DELETE holds", arguments: Target.kinds)
        func table(_ kind: String) throws {
            try withDaemon { daemon, client in
                let target = try Target(kind, daemon, client)
                let first = try target.create()
                let alive = try client.send("DELETE", target.path + "?grace=1")
                #expect(alive.status == 202)
                #expect(alive["kind"]?.string == "\(kind).delete")
                let again = try client.send("DELETE", target.path + "?grace=1")
                #expect(again.id == alive.id)
                let ended = try client.follow(alive.id)
                #expect(ended.state == "succeeded")
                #expect(ended["joined"]?.integer == 1)
                let tombstone = try client.send("DELETE", target.path)
                #expect(tombstone.status == 200)
                #expect(tombstone.id == alive.id)
                let byUID = try client.send("DELETE", target.path + "?uid=\(first)")
                #expect(byUID.id == alive.id)

                let second = try target.create()
                let late = try client.send("DELETE", target.path + "?uid=\(first)")
                #expect(late.status == 200)
                #expect(late.id == alive.id)
                #expect(try client.send("GET", target.path).uid == second)
                let stranger = "019abf10-3c1e-7a44-8f0b-5d2e9c6a7b10"
                let mismatch = try client.send("DELETE", target.path + "?uid=\(stranger)")
                #expect(mismatch.code == "uid-mismatch")
                #expect(mismatch["currentUid"]?.string == second)
                #expect(try client.send("GET", target.path).uid == second)
                let right = try client.send(
                    "DELETE", target.path + "?grace=0&uid=\(second)",
                    headers: ["Prefer": "wait=60"])
                #expect(right.status == 200)

                let unknown = try client.send("DELETE", target.sibling)
                #expect(unknown.code == "\(kind)-unknown")
                let missing = try client.send("DELETE", target.sibling + "?allowMissing=true")
                #expect(missing.status == 204)
            }
        }

        @Test("a folder that reappears on a disk is seen and removed again")
        func comesBack() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let folder = "\(daemon.dataDirectory)/\(pod.uid)"
                // The pod's folder in the run directory goes after the pod's files, and not while
                // it contains a mount.
                let held = "\(daemon.runDirectory)/pods/\(pod.uid)/held"
                try makeDirectory(held)
                try Command.expect("mount", "-t", "tmpfs", "none", held)
                daemon.heals.append { ignoreFailure { try Command.run("umount", held) } }
                let operation = try client.send("DELETE", "/v1/pods/web?grace=0").id
                try eventually("it has come to the run directory") {
                    try client.send("GET", "/v1/operations/\(operation)").details
                        .contains { $0.contains(held) }
                }
                try #require(!exists(folder))
                try makeDirectory(folder + "/back")
                try Command.expect("umount", held)
                #expect(try client.follow(operation).state == "succeeded")
                #expect(!exists(folder))
            }
        }

        @Test("tombstones outlive the daemon")
        func tombstonesLast() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let delete = try client.deletePod("web")
                try daemon.crashAndRestart()
                let again = try client.send("DELETE", "/v1/pods/web?uid=\(pod.uid)")
                #expect(again.status == 200)
                #expect(again.id == delete.id)
                #expect(try client.send("GET", "/v1/operations/\(delete.id)").state == "succeeded")
            }
        }

        @Test("If-Match guards a delete")
        func ifMatch() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", "{}")
                let wrong = try client.send(
                    "DELETE", "/v1/pods/web", headers: ["If-Match": "\"\(pod.uid).0\""])
                #expect(wrong.code == "precondition-failed")
                let right = try client.send(
                    "DELETE", "/v1/pods/web",
                    headers: ["If-Match": try #require(pod.reply[header: "etag"])])
                #expect(right.status == 202)
            }
        }

        @Test("If-None-Match guards a create, and gives 304 for an unchanged pod")
        func ifNoneMatch() throws {
            try withDaemon { daemon, client in
                func send(_ method: String, _ path: String, _ tag: String) throws -> Answer {
                    let body = method == "PUT" ? "{}" : nil
                    return try client.send(method, path, body, headers: ["If-None-Match": tag])
                }
                let web = "/v1/pods/web"
                #expect(try send("GET", web, "*").status == 404)
                let made = try send("PUT", web, "*")
                #expect(made.status == 202)
                #expect(try client.follow(made.id).state == "succeeded")
                #expect(try send("PUT", web, "*").code == "precondition-failed")
                let pod = try client.send("GET", web)
                let tag = try #require(pod.reply[header: "etag"])
                for same in ["*", tag, "W/\(tag)", "\"x\", \(tag)"] {
                    let known = try send("GET", web, same)
                    #expect(known.status == 304)
                    #expect(known.reply[header: "etag"] == tag && known.reply.body.isEmpty)
                    let wire = try Wire(path: daemon.socket)
                    try wire.send(
                        "HEAD \(web) HTTP/1.1\r\nHost: x\r\nIf-None-Match: \(same)\r\n\r\n")
                    #expect(try wire.receive(method: "HEAD")?.status == 304)
                    for method in ["PUT", "DELETE"] {
                        #expect(try send(method, web, same).code == "precondition-failed")
                    }
                }
                for other in ["\"x\"", "\"\(pod.uid).0\""] {
                    #expect(try send("GET", web, other)["uid"] == pod["uid"])
                    #expect(try send("PUT", web, other).status == 200)
                }
                #expect(try send("DELETE", web, "\"x\"").status == 202)
            }
        }

        @Test("a pod whose shim was killed is lost, and its delete still ends with nothing left")
        func lostShim() throws {
            try withDaemon { daemon, client in
                let descriptors = { names(in: "/proc/\(daemon.pid)/fd").count }
                let before = descriptors()
                // Repeated, because the daemon may hear of the end before or after the shim's lock
                // is free.
                for _ in 0..<10 {
                    let pod = try client.createPod("web", daemon.rootfs.sleeper)
                    let shim = try #require(pod["shim", "pid"]?.integer)
                    try Command.run("kill", "-KILL", "\(shim)")
                    try eventually("the pod is lost") {
                        try client.send("GET", "/v1/pods/web").state == "lost"
                    }
                    #expect(try client.deletePod("web").state == "succeeded")
                }
                try eventually("the daemon holds nothing of them", within: 5) {
                    descriptors() <= before + 1  // the client's own connection
                }
            }
        }
    }

    @Suite(.needsDaemon) struct OperationIDs {
        let id = "0199aaaa-0000-4000-8000-0123456789ab"

        @Test(
            "the same id and request give the same operation, even after the pod's delete")
        func sameRequest() throws {
            try withDaemon { daemon, client in
                let headers = ["Operation-Id": id]
                let body = daemon.rootfs.sleeper
                let first = try client.send("PUT", "/v1/pods/web", body, headers: headers)
                #expect(first.id == id)
                #expect(try client.follow(id).state == "succeeded")
                try client.deletePod("web")
                let again = try client.send("PUT", "/v1/pods/web", body, headers: headers)
                #expect(again.id == id)
                #expect(again.state == "succeeded")
                #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
                try daemon.crashAndRestart()
                let later = try client.send("PUT", "/v1/pods/web", body, headers: headers)
                #expect(later.id == id)
            }
        }

        @Test("the same id with another request is refused", arguments: ["method", "path", "body"])
        func reused(_ difference: String) throws {
            try withDaemon { _, client in
                let headers = ["Operation-Id": id]
                _ = try client.send("PUT", "/v1/pods/web", "{}", headers: headers)
                #expect(try client.follow(id).state == "succeeded")
                let answer =
                    switch difference {
                    case "method": try client.send("DELETE", "/v1/pods/web", headers: headers)
                    case "path": try client.send("PUT", "/v1/pods/x", "{}", headers: headers)
                    default:
                        try client.send(
                            "PUT", "/v1/pods/web", #"{"hostname": "x"}"#, headers: headers)
                    }
                #expect(answer.code == "operation-id-reused")
            }
        }

        @Test("an id that joined finds its operation, and never a successor of the name")
        func joined() throws {
            try withDaemon { daemon, client in
                let headers = ["Operation-Id": id]
                let path = "/v1/pods/web?grace=1"
                let deaf = daemon.rootfs.pod(
                    "trap '' TERM; echo up; while true; do sleep 0.05; done")
                let pod = try client.createPod("web", deaf)
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let first = try client.send("DELETE", path)
                let joined = try client.send("DELETE", path, headers: headers)
                #expect(joined.status == 202)
                #expect(joined.id == first.id)
                #expect(joined.id != id)
                #expect(try client.follow(id).state == "succeeded")
                let second = try client.createPod("web", deaf)
                for round in ["same daemon", "next daemon"] {
                    let late = try client.send("DELETE", path, headers: headers)
                    #expect(late.status == 200, "\(round)")
                    #expect(late.id == first.id, "\(round)")
                    #expect(try client.send("GET", "/v1/operations/\(id)").id == first.id)
                    #expect(try client.send("GET", "/v1/pods/web").uid == second.uid)
                    let other = try client.send("DELETE", "/v1/pods/web", headers: headers)
                    #expect(other.code == "operation-id-reused", "\(round)")
                    if round == "same daemon" { try daemon.crashAndRestart() }
                }
            }
        }

        @Test("an id that found the tombstone finds it again")
        func foundTombstone() throws {
            try withDaemon { _, client in
                let headers = ["Operation-Id": id]
                _ = try client.createPod("web", "{}")
                let delete = try client.deletePod("web")
                let found = try client.send("DELETE", "/v1/pods/web", headers: headers)
                #expect(found.status == 200)
                let second = try client.createPod("web", "{}")
                let late = try client.send("DELETE", "/v1/pods/web", headers: headers)
                #expect(late.id == delete.id)
                #expect(try client.send("GET", "/v1/pods/web").uid == second.uid)
            }
        }

        @Test("an id with nothing to do gets an operation that has ended", arguments: Target.kinds)
        func nothingToDo(_ kind: String) throws {
            try withDaemon { daemon, client in
                let target = try Target(kind, daemon, client)
                let uid = try target.create()
                let found = try target.put(["Operation-Id": id])
                #expect(found.status == 200)
                #expect(found.uid == uid)
                let operation = try client.send("GET", "/v1/operations/\(id)")
                #expect(operation.state == "succeeded")
                #expect(operation["kind"]?.string == "\(kind).create")
                try client.send(
                    "DELETE", target.path + "?grace=0", headers: ["Prefer": "wait=60"])
                let late = try target.put(["Operation-Id": id])
                #expect(late.status == 200)
                #expect(late.id == id)
                #expect(try client.send("GET", target.path).code == "\(kind)-unknown")
            }
        }

        @Test("an id that found nothing finds nothing again, even if the name has a new pod")
        func foundNothing() throws {
            try withDaemon { daemon, client in
                let headers = ["Operation-Id": id]
                let path = "/v1/pods/web?allowMissing=true"
                #expect(try client.send("DELETE", path, headers: headers).status == 204)
                let pod = try client.createPod("web", "{}")
                for _ in 0..<2 {
                    #expect(try client.send("DELETE", path, headers: headers).status == 204)
                    #expect(try client.send("GET", "/v1/pods/web").uid == pod.uid)
                    try daemon.crashAndRestart()
                }
                let other = try client.send("DELETE", "/v1/pods/web", headers: headers)
                #expect(other.code == "operation-id-reused")
            }
        }

        @Test("an id that may have been pruned changes nothing")
        func expired() throws {
            try withDaemon { _, client in
                let pod = try client.createPod("web", "{}")
                let old = "00000000-0001-7000-8000-000000000001"  // version 7, of 1970
                let refused = try client.send(
                    "DELETE", "/v1/pods/web", headers: ["Operation-Id": old])
                #expect(refused.code == "operation-expired")
                #expect(try client.send("GET", "/v1/pods/web").uid == pod.uid)
                let cancel = try client.send("POST", "/v1/operations/\(id)/cancel")
                #expect(cancel.code == "operation-unknown")
                let late = try client.send("POST", "/v1/operations/\(old)/cancel")
                #expect(late.code == "operation-expired")
            }
        }

        @Test("Prefer: wait gets the end of the operation, or 202 after the wait")
        func preferWait() throws {
            try withDaemon { daemon, client in
                let deaf = "trap '' TERM; echo up; while true; do sleep 0.05; done"
                let pod = try client.createPod("web", daemon.rootfs.pod(deaf))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let short = try client.send(
                    "DELETE", "/v1/pods/web?grace=3", headers: ["Prefer": "wait=1"])
                #expect(short.status == 202)
                #expect(short.state == "running")
                let polled = try client.follow(short.id, within: 0)
                #expect(polled.state == "running")
                #expect(polled.reply[header: "retry-after"] != nil)
                let ended = try client.send(
                    "DELETE", "/v1/pods/web", headers: ["Prefer": "wait=30"])
                #expect(ended.status == 200)
                #expect(ended.id == short.id)
            }
        }

        @Test("an id older than the kept ids is gone, and an id that never existed is unknown")
        func unknownIDs() throws {
            try withDaemon { _, client in
                let old = "00000000-0001-7000-8000-000000000001"  // version 7, of 1970
                let expired = try client.send("GET", "/v1/operations/\(old)")
                #expect(expired.code == "operation-expired")
                let unknown = try client.send("GET", "/v1/operations/\(id)")
                #expect(unknown.code == "operation-unknown")
            }
        }
    }
}

/// A pod, or a task in a pod, that can be created again under its name.
private struct Target {
    static let kinds = ["pod", "task"]

    let path: String
    /// A name that was never used.
    let sibling: String
    private let body: String
    private let client: Client

    init(_ kind: String, _ daemon: Daemon, _ client: Client) throws {
        self.client = client
        // Ignores TERM, so that its delete takes the whole grace and other deletes can join it.
        let script = "trap '' TERM; while true; do sleep 0.05; done"
        if kind == "pod" {
            path = "/v1/pods/web"
            sibling = "/v1/pods/never"
            body = daemon.rootfs.pod(script)
        } else {
            _ = try client.createPod("web", "{}")
            path = "/v1/pods/web/tasks/app"
            sibling = "/v1/pods/web/tasks/never"
            body = daemon.rootfs.task(script)
        }
    }

    func create() throws -> String { try put(["Prefer": "wait=60"]).uid }

    func put(_ headers: [String: String]) throws -> Answer {
        try client.send("PUT", path, body, headers: headers)
    }
}
