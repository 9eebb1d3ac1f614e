// Directories that are named through links, as /var/run is.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct LinkedDirectories {
        @Test("with directories below links the daemon works, on the real directories")
        func work() throws {
            try withDaemon(setUp: linked) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.pod("echo x; exec sleep 1000"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                for (name, place) in [("run", "/pods/"), ("data", "/"), ("log", "/")] {
                    // The log's folder appears with the task's first output.
                    try eventually("the pod's folder is in real/\(name)") {
                        exists("\(daemon.home)/real/\(name)\(place)\(pod.uid)")
                    }
                }
                daemon.crash()
                // Under their real names they belong to the same daemon.
                name(daemon, "real")
                try daemon.start()
                name(daemon, "link")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func linked(_ daemon: Daemon) throws {
            try makeDirectory(daemon.home + "/real")
            try FileManager.default.createSymbolicLink(
                atPath: daemon.home + "/link", withDestinationPath: "real")
            name(daemon, "link")
        }

        private func name(_ daemon: Daemon, _ parent: String) {
            (daemon.runName, daemon.dataName) = (parent + "/run", parent + "/data")
            daemon.logName = parent + "/log"
        }
    }
}
