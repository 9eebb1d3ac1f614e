// Directories that are named through links, as /var/run is one.

import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct LinkedDirectories {
        @Test("with its directories below links the daemon works as ever, on the real ones")
        func work() throws {
            try withDaemon(setUp: linked) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.pod("echo x; exec sleep 1000"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                for (name, place) in [("run", "/pods/"), ("data", "/"), ("log", "/")] {
                    #expect(exists("\(daemon.home)/real/\(name)\(place)\(pod.uid)"))
                }
                daemon.crash()
                // Named as they are, they are the same daemon's.
                (daemon.runName, daemon.dataName) = ("real/run", "real/data")
                daemon.logName = "real/log"
                try daemon.start()
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func linked(_ daemon: Daemon) throws {
            try makeDirectory(daemon.home + "/real")
            try FileManager.default.createSymbolicLink(
                atPath: daemon.home + "/link", withDestinationPath: "real")
            (daemon.runName, daemon.dataName, daemon.logName) = (
                "link/run", "link/data", "link/log"
            )
        }
    }
}
