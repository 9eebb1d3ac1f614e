// What a task is given, and what it does not get from whoever started the daemon.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Inheritance {
        @Test("tasks of one name in two pods have a session keyring each")
        func keyrings() throws {
            try withDaemon { daemon, client in
                for name in ["a", "b"] {
                    let pod = try client.createPod(name, daemon.rootfs.sleeper)
                    let task = try #require(pod["tasks", "app", "uid"]?.string)
                    // keyrings(7): those of uid 0 are all seen by root.
                    let keys = text(of: "/proc/keys") ?? ""
                    #expect(keys.contains(" _ses.\(task): "), "\(keys)")
                }
            }
        }

        @Test("a task that an older daemon made, under its name, is started and deleted")
        func formerIDs() throws {
            try withDaemon { daemon, client in
                let task = daemon.rootfs.task("exit 5", #""start": false"#)
                let pod = try client.createPod("web", "{\"tasks\": {\"app\": \(task)}}")
                let uid = try #require(pod["tasks", "app", "uid"]?.string)
                let root = daemon.folder(pod) + "/runtime/app"
                try Command.expect("sh", "-c", "cd \(root) && mv \(uid)/* . && rmdir \(uid)")
                let start = try client.send(
                    "POST", "/v1/pods/web/tasks/app/start", headers: ["Prefer": "wait=20"])
                #expect(start.state == "succeeded", "\(start.reply.text)")
                let ended = try client.waitForTask("web", "app", "exited")
                #expect(ended["exitCode"]?.integer == 5)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }
    }
}
