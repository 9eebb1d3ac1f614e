// A pod whose shim an earlier version of the daemon started. The daemon speaks the shim's version.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct OlderShims {
        @Test("a pod with a shim of version 1 is adopted, its tasks are run, and it is deleted")
        func version1() throws {
            try withDaemon { daemon, client in
                let tasks = """
                    "app": \(daemon.rootfs.task("exec sleep 9999")),
                    "late": \(daemon.rootfs.task("exit 5", #""start": false"#))
                    """
                let pod = try client.createPod("web", "{\"tasks\": {\(tasks)}}")
                let folder = daemon.folder(pod)
                daemon.crash()
                try Command.expect("mv", folder + "/shim.sock", folder + "/real.sock")
                let older = try Command.start(
                    "python3", Installation.root + "/Tests/Tools/older-shim.py",
                    folder + "/shim.sock", folder + "/real.sock")
                defer {
                    // Foundation starts programs with SIGTERM blocked.
                    kill(older.processIdentifier, SIGKILL)
                    older.waitUntilExit()
                }
                try eventually("the older shim listens") { exists(folder + "/shim.sock") }
                try daemon.start()
                let start = try client.send(
                    "POST", "/v1/pods/web/tasks/late/start", headers: ["Prefer": "wait=20"])
                #expect(start.state == "succeeded", "\(start.reply.text)")
                let ended = try client.waitForTask("web", "late", "exited")
                #expect(ended["exitCode"]?.integer == 5)
                // It cannot restart a task.
                let restarted = try client.send(
                    "PUT", "/v1/pods/web/tasks/again",
                    daemon.rootfs.task("exit 5", #""restart": {"policy": "always"}"#),
                    headers: ["Prefer": "wait=20"])
                #expect(restarted.code == "shim-failed", "\(restarted.reply.text)")
                #expect(restarted["detail"]?.string?.contains("earlier version") == true)
                #expect(try client.send("GET", "/v1/pods/web/tasks/again").status == 404)
                // It cannot check the health of a task.
                let checked = try client.send(
                    "PUT", "/v1/pods/web/tasks/again",
                    daemon.rootfs.task("exit 5", #""health": {"tcp": {"port": 1}}"#),
                    headers: ["Prefer": "wait=20"])
                #expect(checked.code == "shim-failed", "\(checked.reply.text)")
                #expect(checked["detail"]?.string?.contains("earlier version") == true)
                // It cannot change the limits of a task.
                let patched = try client.send(
                    "PATCH", "/v1/pods/web/tasks/app", #"{"resources": {"pids": 9}}"#,
                    headers: ["Prefer": "wait=20"])
                #expect(patched.code == "shim-failed", "\(patched.reply.text)")
                #expect(patched["detail"]?.string?.contains("earlier version") == true)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }
    }
}
