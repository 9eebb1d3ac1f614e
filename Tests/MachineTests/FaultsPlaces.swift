// What other programs left or do in the daemon's places at its start. Pods live, and their deletes
// are owed.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct PlaceFaults {
        @Test(
            "a foreign process on the metrics port delays only the metrics"
        )
        func metricsPort() throws {
            var stranger: HeldListener? = try HeldListener()
            let port = try #require(stranger).port
            let address = "127.0.0.1:\(port)"
            try withFault("start: the metrics' port is taken", ["--metrics-listen", address]) {
                daemon, client in
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                try daemon.crashAndRestart()
                var metrics = try client.send("GET", "/v1")["metrics"]
                #expect(metrics?["serving"] == .bool(false))
                #expect(metrics?["address"]?.string == address)
                let reason = metrics?["reason"]?.string ?? ""
                #expect(reason.contains("another process answers there"))
                #expect(daemon.log.contains("the metrics are not served yet"))
                #expect(try client.deletePod("web").state == "succeeded")
                stranger = nil
                try eventually("they are served, without a restart", within: 5) {
                    try Command.run("curl", "-sf", "http://\(address)/metrics").output
                        .contains("staunch_build_info")
                }
                metrics = try client.send("GET", "/v1")["metrics"]
                #expect(metrics?["serving"] == .bool(true))
                // Restores the state, because the daemon's open descriptors are compared.
                daemon.terminate()
                stranger = try HeldListener(port: port)
                try daemon.start()
            }
        }

        @Test("files with a fixed mode or with names of any bytes do no harm")
        func modes() throws {
            try withFault("start: leftover files") { daemon, client in
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                let held = daemon.runDirectory + "/staunch.db.damaged-8"
                try Command.expect(
                    "bash", "-c",
                    """
                    cd '\(daemon.runDirectory)' && umask 022
                    touch staunch.db.damaged-8 $'staunch.db-\\xff' && mkdir staunch.db.damaged-9
                    mount --bind staunch.db.damaged-8 staunch.db.damaged-8
                    mount -o remount,bind,ro staunch.db.damaged-8
                    """)
                daemon.heals.append {
                    ignoreFailure { try Command.run("umount", held) }
                }
                try daemon.crashAndRestart()
                #expect(daemon.log.contains("a file's mode stays as it is"))
                let modes = try Command.run(
                    "bash", "-c", "cd '\(daemon.runDirectory)' && stat -c %a $'staunch.db-\\xff'")
                #expect(modes.output == "600\n")
                #expect(try client.deletePod("web").state == "succeeded")
                try Command.expect("umount", held)
                try Command.expect(
                    "bash", "-c",
                    """
                    cd '\(daemon.runDirectory)'
                    rm -r $'staunch.db-\\xff' staunch.db.damaged-8 staunch.db.damaged-9
                    """)
            }
        }

        @Test(
            "a file or directory in the socket's place is moved aside", arguments: [true, false])
        func socketsPlace(isDirectory: Bool) throws {
            try withFault("start: no socket in its place") { daemon, client in
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                daemon.crash()
                let place = daemon.runDirectory + "/staunch.sock"
                try Command.expect("rm", place)
                if isDirectory { try makeDirectory(place) }
                try write("a user's", to: isDirectory ? place + "/file" : place)
                try daemon.start()
                #expect(daemon.log.contains("no socket was in the socket's place"))
                let aside = place + ".found-1"
                #expect(text(of: isDirectory ? aside + "/file" : aside) == "a user's")
                #expect(try client.deletePod("web").state == "succeeded")
                try Command.expect("rm", "-r", aside)
            }
        }

        @Test("a run directory that was remounted noexec is not mounted over")
        func noexec() throws {
            try withFault("start: noexec") { daemon, client in
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                let remount = { (option: String) throws in
                    _ = try Command.expect(
                        "mount", "-o", "remount,\(option)", daemon.runDirectory)
                }
                daemon.heals.append { ignoreFailure { try remount("exec") } }
                try remount("noexec")
                try daemon.crashAndRestart()
                #expect(try client.send("GET", "/v1/pods/web").state == "ready")
                try remount("exec")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("without room for a new shim program creates wait, and deletes end")
        func noRoomForShim() throws {
            let program = "/tmp/staunch-shim-\(getpid())"
            try Command.expect("cp", Installation.shim, program)
            defer { removeFile(program) }
            var small: SmallDisk?
            try withFault(
                "start: no room for a new shim", ["--shim", program],
                setUp: { small = try SmallDisk(at: $0.runDirectory, of: $0, megabytes: 24) }
            ) { daemon, client in
                let disk = try #require(small)
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
                daemon.terminate()
                // One more byte makes it another program, as after an upgrade.
                try Command.expect("bash", "-c", "printf x >>'\(program)'")
                try disk.fill(.room)
                try daemon.start()
                var refused: Answer?
                try eventually("creates are refused with the reason") {
                    refused = try client.send("PUT", "/v1/pods/new", daemon.rootfs.sleeper)
                    return refused?.code == "runtime-unavailable"
                }
                #expect(refused?.reply.text.contains("ENOSPC") == true)
                #expect(try client.deletePod("web").state == "succeeded")
                try disk.relieve(.room)
                try eventually("a create works, without a restart") {
                    try client.createPod("web", daemon.rootfs.sleeper).status == 201
                }
                #expect(try client.deletePod("web").state == "succeeded")
                // Restores the state, because the copies' names follow from their content.
                daemon.terminate()
                try Command.expect("cp", Installation.shim, program)
                try daemon.start()
                try eventually("the other copy is gone") {
                    names(in: daemon.runDirectory + "/bin").count == 1
                }
            }
        }
    }
}
