// The table of PUT (API.md), and creates that fail.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Create {
        @Test(
            "a PUT of the same spec joins, and another spec conflicts, with each difference named")
        func joinsAndConflicts() throws {
            try withDaemon { daemon, client in
                let first = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                #expect(first.status == 202)
                #expect(
                    first.reply[header: "operation-location"] == "/v1/operations/\(first.id)")
                let second = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                #expect(second.status == 200 || second.id == first.id)
                #expect(try client.follow(first.id).state == "succeeded")
                let pod = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                #expect(pod.status == 200)
                #expect(pod.state == "ready")
                let other = try client.send(
                    "PUT", "/v1/pods/web",
                    daemon.rootfs.pod(
                        "exec sleep 100000", #""cwd": "/tmp""#, podMore: #""hostname": "x""#))
                #expect(other.code == "spec-conflict")
                #expect(other.pointers == ["/hostname", "/tasks/app/cwd"])
            }
        }

        @Test("a pod being deleted cannot be created, and the refusal names the operation")
        func deletingIsAConflict() throws {
            try withDaemon { daemon, client in
                let deaf = "trap '' TERM; echo up; while true; do sleep 0.05; done"
                let pod = try client.createPod("web", daemon.rootfs.pod(deaf))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("the trap is set") { text(of: log)?.contains("up") == true }
                let delete = try client.send("DELETE", "/v1/pods/web?grace=2")
                let refused = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                #expect(refused.code == "pod-deleting")
                #expect(refused["operation"]?.string == delete.id)
                #expect(refused.reply[header: "retry-after"] != nil)
                #expect(try client.follow(delete.id).state == "succeeded")
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
            }
        }

        @Test("the server chooses the name of a POSTed pod")
        func serverNames() throws {
            try withDaemon { daemon, client in
                let pod = try client.send(
                    "POST", "/v1/pods", daemon.rootfs.sleeper, headers: ["Prefer": "wait=60"])
                #expect(pod.status == 201)
                let name = try #require(pod["name"]?.string)
                #expect(name.hasPrefix("pod-"))
                #expect(pod.reply[header: "location"] == "/v1/pods/\(name)")
                #expect(try client.send("GET", "/v1/pods/\(name)").uid == pod.uid)
            }
        }

        @Test(
            "a create that fails undoes its steps, and reports the reason",
            arguments: Impossible.all)
        func failsAndUndoes(_ row: Impossible) throws {
            try withDaemon { daemon, client in
                let before = Census(daemon.marks)
                try row.prepare(daemon.rootfs.path)
                let answer = try client.createPod("bad", row.body(daemon.rootfs))
                #expect(answer.status == 422)
                #expect(answer.code == row.code, "\(answer.reply.text)")
                #expect(
                    answer["detail"]?.string?.contains(row.says) == true, "\(answer.reply.text)")
                #expect(try client.send("GET", "/v1/pods/bad").code == "pod-unknown")
                let after = Census(daemon.marks)
                #expect(after == before, "\(after.difference(from: before))")
                // The name is free from this moment on.
                #expect(try client.createPod("bad", #"{}"#).status == 201)
            }
        }

        @Test("a failed create is kept as an operation, with the step and runc's own message")
        func failureIsKept() throws {
            try withDaemon { daemon, client in
                let body = "{\"tasks\": {\"app\": \(daemon.rootfs.task(args: ["/no/such"]))}}"
                let accepted = try client.send("PUT", "/v1/pods/bad", body)
                #expect(accepted.status == 202)
                let ended = try client.follow(accepted.id)
                #expect(ended.state == "failed")
                #expect(ended["error", "code"]?.string == "runtime-refused")
                #expect(ended["error", "step"]?.string?.hasPrefix("task.") == true)
                #expect(ended["error", "detail"]?.string?.contains("/no/such") == true)
                let states = (ended["steps"]?.elements ?? []).compactMap { $0["state"]?.string }
                #expect(states.contains("failed"))
                #expect(!states.contains("running") && !states.contains("waiting"))
            }
        }

        @Test("a delete cancels a running create, and removes its objects")
        func deleteSupersedes() throws {
            try withDaemon { daemon, client in
                for number in 0..<10 {
                    let create = try client.send(
                        "PUT", "/v1/pods/p\(number)", daemon.rootfs.sleeper)
                    let delete = try client.send("DELETE", "/v1/pods/p\(number)?grace=0")
                    #expect(delete.status == 202)
                    #expect(try client.follow(delete.id).state == "succeeded")
                    let ended = try client.send("GET", "/v1/operations/\(create.id)")
                    if ended.state == "canceled" {
                        #expect(ended["supersededBy"]?.string == delete.id)
                    } else {
                        #expect(ended.state == "succeeded")
                    }
                }
            }
        }

        @Test("a create can be canceled, and a delete cannot")
        func cancel() throws {
            try withDaemon { daemon, client in
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let answer = try client.send("POST", "/v1/operations/\(create.id)/cancel")
                let ended = try client.follow(create.id)
                if ended.state == "canceled" {
                    #expect([200, 202].contains(answer.status))
                    #expect(try client.send("GET", "/v1/pods/web").code == "pod-unknown")
                } else {
                    #expect(answer.code == "not-cancelable")
                }
                let made = try client.createPod("other", "{}")
                #expect(made.status == 201)
                let delete = try client.send("DELETE", "/v1/pods/other")
                let refused = try client.send("POST", "/v1/operations/\(delete.id)/cancel")
                #expect(refused.code == "not-cancelable")
            }
        }
    }
}

/// A create that can never succeed.
struct Impossible: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let code: String
    /// Part of the required answer.
    let says: String
    let body: @Sendable (Rootfs) -> String
    var prepare: @Sendable (String) throws -> Void = { _ in }

    static let all = [
        Impossible(testDescription: "no such program", code: "runtime-refused", says: "/no/such") {
            "{\"tasks\": {\"app\": \($0.task(args: ["/no/such"]))}}"
        },
        Impossible(testDescription: "no rootfs", code: "rootfs-missing", says: "/nowhere") { _ in
            #"{"tasks": {"app": {"rootfs": {"path": "/nowhere"}, "args": ["sh"]}}}"#
        },
        Impossible(testDescription: "rootfs a file", code: "rootfs-not-directory", says: "passwd") {
            _ in #"{"tasks": {"app": {"rootfs": {"path": "/etc/passwd"}, "args": ["sh"]}}}"#
        },
        Impossible(testDescription: "no such user", code: "user-unknown", says: "nobody-here") {
            $0.pod("true", #""user": "nobody-here""#)
        },
        Impossible(testDescription: "no mount source", code: "mount-source-missing", says: "/gone")
        {
            $0.pod("true", #""mounts": [{"type": "bind", "source": "/gone", "target": "/data"}]"#)
        },
        Impossible(
            testDescription: "passwd that points outside", code: "user-unknown", says: "daemon",
            body: { $0.pod("true", #""user": "daemon""#) },
            prepare: { rootfs in
                // The user `daemon` exists only outside of the rootfs, and must not be found there.
                try write("daemon:x:1:1::/:/bin/sh\n", to: rootfs + "/../outside")
                try FileManager.default.removeItem(atPath: rootfs + "/etc/passwd")
                try FileManager.default.createSymbolicLink(
                    atPath: rootfs + "/etc/passwd", withDestinationPath: "../../outside")
            }),
    ]
}
