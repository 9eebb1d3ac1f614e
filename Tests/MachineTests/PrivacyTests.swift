// A pod's files are its own: no other user of the host reads or locks them (law 24).

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Privacy {
        @Test("only the daemon's user can open the daemon's files, except the socket")
        func modes() throws {
            // A starter's umask that permits everything to all users.
            let before = umask(0)
            defer { umask(before) }
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("echo hello; exec sleep 1000"))
                #expect(pod.status == 201)
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("there is a log") { text(of: log)?.isEmpty == false }
                let found = try Command.run(
                    "find", daemon.runDirectory, daemon.dataDirectory, daemon.logDirectory, "!",
                    "-path", "*/upper/*", "!", "-path", "*/tasks/*/rootfs/*")
                let paths = found.output.split(separator: "\n").map(String.init)
                #expect(paths.contains { $0.hasSuffix("/config.json") })
                #expect(paths.contains { $0.hasSuffix("/staunch.db-wal") })
                // The first two may be traversed, and the socket's mode controls access to it.
                let open = [daemon.runDirectory, daemon.socket]
                for path in paths where !open.contains(path) {
                    let tried = try Command.run(
                        "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh",
                        "-c", #"[ -r "$1" ] || [ -w "$1" ] || [ -x "$1/." ]"#, "sh", path)
                    let isTop = [daemon.dataDirectory, daemon.logDirectory].contains(path)
                    #expect(tried.status != 0 || isTop, "\(path)")
                }
                #expect(mode(daemon.runDirectory) == 0o711)
                #expect(mode(daemon.socket) == 0o660)
                for name in ["staunch.db", "staunch.db-wal", "reserve", "lock"] {
                    #expect(mode("\(daemon.runDirectory)/\(name)") == 0o600, "\(name)")
                }
                #expect(mode(log) == 0o640)
            }
        }

        @Test(
            "a store that was readable by all is made private, and a foreign lock on it is no harm")
        func olderStore() throws {
            try withDaemon { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                daemon.crash()
                let store = daemon.runDirectory + "/staunch.db"
                try Command.run("chmod", "0644", store)
                // A reader's shared lock (https://sqlite.org/fileformat2.html, lock bytes).
                let (holder, output) = try Command.prepared([
                    "python3", "-c",
                    """
                    import fcntl, sys
                    file = open(sys.argv[1], "rb")
                    fcntl.lockf(file, fcntl.LOCK_SH, 510, 0x40000002)
                    print("held", flush=True)
                    sys.stdin.read()
                    """, store,
                ])
                let input = Foundation.Pipe()
                holder.standardInput = input
                try holder.run()
                defer { holder.waitUntilExit() }
                defer { input.fileHandleForWriting.closeFile() }
                let said = try #require(try output.fileHandleForReading.read(upToCount: 5))
                #expect(String(decoding: said, as: UTF8.self) == "held\n")
                try daemon.start()
                #expect(mode(store) == 0o600)
                #expect(try client.send("GET", "/v1/pods/web").state == "ready")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("an older daemon's files are made private, and the targets of links are not")
        func olderFiles() throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.pod("echo x; exec sleep 1000"))
                let folders = [
                    ("\(daemon.dataDirectory)/\(pod.uid)", mode_t(0o700)),
                    ("\(daemon.logDirectory)/\(pod.uid)", 0o750),
                    (daemon.runDirectory + "/pods", 0o700), (daemon.runDirectory + "/bin", 0o700),
                ]
                try eventually("the pod has its log") { exists(folders[1].0) }
                daemon.crash()
                let files = ["staunch.db", "staunch.db-wal", "reserve", "lock"].map {
                    "\(daemon.runDirectory)/\($0)"
                }
                for path in folders.map(\.0) + files { try Command.expect("chmod", "0777", path) }
                let strangers = daemon.home + "/strangers"
                try makeDirectory(strangers)
                try Command.expect("chmod", "0777", strangers)
                let link = daemon.dataDirectory + "/01a00000-0000-7000-8000-000000000000"
                try Command.expect("ln", "-s", strangers, link)
                try daemon.start()
                for path in files { #expect(mode(path) == 0o600, "\(path)") }
                try eventually("the daemon has looked at the disks") {
                    folders.allSatisfy { mode($0.0) == $0.1 }
                }
                #expect(mode(strangers) == 0o777)
                // An entry that has a pod's name and is no pod is an orphan, and is removed. A
                // link's target stays.
                try eventually("the link is gone") { !exists(link) }
                #expect(exists(strangers))
                try Command.expect("rmdir", strangers)
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        private func mode(_ path: String) -> mode_t? {
            var found = stat()
            // SAFETY: the structure and the path live for the call.
            guard unsafe lstat(path, &found) == 0 else { return nil }
            return found.st_mode & 0o777
        }
    }
}
