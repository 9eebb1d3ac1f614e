// A data directory in which the kernel makes no overlay: it is named, and not the client's rootfs.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct DataDirectory {
        @Test("on an overlay the daemon starts and refuses tasks by name, until it is elsewhere")
        func onOverlay() throws {
            try withDaemon(setUp: overlaid) { daemon, client in
                let server = try client.send("GET", "/v1")
                #expect(server["dataDirectory", "usable"]?.bool == false)
                let reason = server["dataDirectory", "reason"]?.string ?? ""
                #expect(reason.contains(daemon.dataDirectory) && reason.contains("overlay"))
                #expect(daemon.log.contains("no task can be made"))

                let refused = try client.createPod("web", daemon.rootfs.sleeper)
                #expect(refused.status == 503, "\(refused.reply.text)")
                #expect(refused.code == "data-directory-unusable")
                #expect(refused["detail"]?.string == reason)
                #expect(try client.send("GET", "/v1/operations")["items"]?.elements == [])
                // All that needs no overlay is as ever.
                #expect(try client.createPod("empty", "{}").status == 201)
                let task = try client.send(
                    "PUT", "/v1/pods/empty/tasks/app", daemon.rootfs.task("exec sleep 1000"))
                #expect(task.code == "data-directory-unusable", "\(task.reply.text)")
                #expect(try client.deletePod("empty").state == "succeeded")

                // Busy for as long as a helper tries it once more.
                try eventually("it is unmounted") {
                    try Command.run("umount", daemon.dataDirectory).status == 0
                }
                try eventually("the refused requests have had it looked at again") {
                    try client.createPod("web", daemon.rootfs.sleeper).status == 201
                }
                let now = try client.send("GET", "/v1")
                #expect(now["dataDirectory", "usable"]?.bool == true)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a start leaves nothing of its trial behind, nor what a killed one had made")
        func leavesNothing() throws {
            try withDaemon(setUp: killedTrial) { daemon, client in
                #expect(!exists(daemon.dataDirectory + "/.trial"))
                let server = try client.send("GET", "/v1")
                #expect(server["dataDirectory", "usable"]?.bool == true)
            }
        }

        /// With what an overlay that is `volatile` marks its layers with while it is mounted.
        private func killedTrial(_ daemon: Daemon) throws {
            for layer in ["lower", "upper", "work/work/incompat/volatile"] {
                try makeDirectory("\(daemon.dataDirectory)/.trial/\(layer)")
            }
        }

        private func overlaid(_ daemon: Daemon) throws {
            let layers = ["lower", "upper", "work"].map { "\(daemon.home)/layers/\($0)" }
            for layer in layers { try makeDirectory(layer) }
            try makeDirectory(daemon.dataDirectory)
            let options = "lowerdir=\(layers[0]),upperdir=\(layers[1]),workdir=\(layers[2])"
            try Command.expect(
                "mount", "-t", "overlay", "-o", options, "overlay", daemon.dataDirectory)
            daemon.removals.append { _ = try? Command.run("umount", daemon.dataDirectory) }
        }
    }
}
