// A data directory on which the kernel refuses an overlay. The problem names the data directory,
// not the client's rootfs.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct DataDirectory {
        @Test("with its data on an overlay the daemon starts, and refuses tasks until that changes")
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
                // Everything that needs no overlay works as usual.
                #expect(try client.createPod("empty", "{}").status == 201)
                let task = try client.send(
                    "PUT", "/v1/pods/empty/tasks/app", daemon.rootfs.task("exec sleep 1000"))
                #expect(task.code == "data-directory-unusable", "\(task.reply.text)")
                #expect(try client.deletePod("empty").state == "succeeded")

                // The directory is busy while a helper tries the overlay once more.
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

        @Test("a start leaves nothing of its trial mount, nor of a killed start's trial")
        func leavesNothing() throws {
            try withDaemon(setUp: killedTrial) { daemon, client in
                #expect(!exists(daemon.dataDirectory + "/.trial"))
                let server = try client.send("GET", "/v1")
                #expect(server["dataDirectory", "usable"]?.bool == true)
            }
        }

        /// Leaves the marks of a `volatile` overlay that is mounted, as a trial that was killed
        /// does.
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
