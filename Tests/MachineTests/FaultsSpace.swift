// No space, no inodes, no writing, no descriptors, no processes: a teardown needs none of them.

import Foundation
import Glibc
import JSON
import Testing

/// A small file system of the test, mounted in place of one of the daemon's directories.
struct SmallDisk {
    let path: String

    init(at path: String, of daemon: Daemon, megabytes: Int = 1, inodes: Int = 300) throws {
        self.path = path
        try makeDirectory(path)
        let options = "size=\(megabytes)m,nr_inodes=\(inodes),mode=755"
        try Command.expect("mount", "-t", "tmpfs", "-o", options, "none", path)
        daemon.heals.append {
            ignoreFailure { try Command.run("mount", "-o", "remount,rw", path) }
            empty(at: path)
        }
        // The daemon's own end unmounts the one at the run directory.
        if path != daemon.runDirectory {
            daemon.removals.append { ignoreFailure { try Command.expect("umount", path) } }
        }
    }

    func fill(_ what: Scarce) throws {
        let script =
            switch what {
            case .room: "dd if=/dev/zero of=\(path)/filler bs=4096 2>/dev/null; true"
            case .inodes:
                "mkdir \(path)/filler; i=0; "
                    + "while : >\(path)/filler/$i; do i=$((i + 1)); done 2>/dev/null; true"
            case .writing: "mount -o remount,ro \(path)"
            }
        try Command.expect("bash", "-c", script)
    }

    func relieve(_ what: Scarce) throws {
        if what == .writing { try Command.expect("mount", "-o", "remount,rw", path) }
        empty(at: path)
    }
}

private func empty(at path: String) {
    ignoreFailure { try Command.run("rm", "-rf", path + "/filler") }
}

enum Scarce: String, CaseIterable, Sendable { case room, inodes, writing }

extension Machine {
    @Suite(.needsDaemon) struct SpaceFaults {
        enum Place: String, CaseIterable, Sendable {
            case data, log

            func path(_ daemon: Daemon) -> String {
                self == .data ? daemon.dataDirectory : daemon.logDirectory
            }
        }

        @Test(
            "a directory that is full, without inodes or read-only fails no delete",
            arguments: Place.allCases, [Scarce.room, .inodes])
        func full(_ place: Place, _ what: Scarce) throws {
            try withSmallDisk("no \(what), \(place) directory", place.path) {
                daemon, client, disk in
                let script = "while :; do echo a line; sleep 0.02; done"
                _ = try client.createPod("web", daemon.rootfs.pod(script))
                try disk.fill(what)
                // Whether a pod can be created now depends on the disk. Half of a pod is not
                // allowed.
                let made = try client.follow(
                    try client.send("PUT", "/v1/pods/new", daemon.rootfs.pod(script)).id)
                #expect(["succeeded", "failed"].contains(made.state), "\(made.reply.text)")
                let seen = try client.send("GET", "/v1/pods/new")
                #expect(seen.state == (made.state == "failed" ? nil : "ready"))
                daemon.expectAnswers()
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                try daemon.crashAndRestart()
                if made.state == "succeeded" {
                    #expect(try client.deletePod("new").state == "succeeded")
                }
                try disk.relieve(what)
                #expect(try client.createPod("web", daemon.rootfs.sleeper).status == 201)
            }
        }

        @Test(
            "a read-only directory delays a delete until it is writable, and is named",
            arguments: Place.allCases)
        func readOnly(_ place: Place) throws {
            try withSmallDisk("read-only \(place) directory", place.path) {
                daemon, client, disk in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("echo a line; exec sleep 1000"))
                try eventually("its log is there") {
                    exists("\(daemon.logDirectory)/\(pod.uid)/app.log")
                }
                // Not while the log writer has it open.
                _ = try client.send(
                    "POST", "/v1/pods/web/stop", "{\"grace\": 0}", headers: ["Prefer": "wait=20"])
                try eventually("it can be made read-only") {
                    try Command.run("mount", "-o", "remount,ro", disk.path).status == 0
                }
                let stuck = try client.delete("web", why: "EROFS", disk.path)
                try daemon.expectServes(stuck, others: place == .log)
                try disk.relieve(.writing)
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a run directory without inodes fails no delete")
        func runInodes() throws {
            try withSmallDisk(
                "no inodes, run directory", \.runDirectory, megabytes: 32
            ) { daemon, client, disk in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                try disk.fill(.inodes)
                let made = try client.follow(
                    try client.send("PUT", "/v1/pods/new", daemon.rootfs.sleeper).id)
                #expect(made.state == "failed")
                #expect(made["error", "detail"]?.string?.contains("ENOSPC") == true)
                #expect(try client.send("GET", "/v1/pods/new").code == "pod-unknown")
                #expect(try client.deletePod("web").state == "succeeded")
                try disk.relieve(.inodes)
                #expect(try client.createPod("new", daemon.rootfs.sleeper).status == 201)
            }
        }

        @Test("a run directory without room refuses new pods, and still deletes")
        func runRoom() throws {
            try withSmallDisk(
                "no room, run directory", \.runDirectory, megabytes: 32
            ) { daemon, client, disk in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                try disk.fill(.room)
                // The store's last page may have had space for one more.
                try eventually("a create is refused") {
                    let name = UUID().uuidString.lowercased()
                    let answer = try client.send("PUT", "/v1/pods/\(name)", "{}")
                    return answer.code == "store-full"
                }
                daemon.expectAnswers()
                try daemon.crashAndRestart()
                #expect(try client.send("GET", "/v1/pods/web").uid == pod.uid)
                let delete = try client.deletePod("web")
                #expect(delete.state == "succeeded", "\(delete.reply.text)")
                #expect(delete["exits", "app", "exitUnknown"] == .bool(false))
                try disk.relieve(.room)
                try takesReserveBack(daemon, client)
            }
        }

        @Test("a run directory that fills up during a delete does not delay the delete's end")
        func runRoomMeanwhile() throws {
            try withSmallDisk(
                "run directory fills up during a delete", \.runDirectory, megabytes: 32
            ) { daemon, client, disk in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("trap '' TERM; while :; do sleep 0.05; done"))
                let answer = try client.send("DELETE", "/v1/pods/web?grace=1")
                try disk.fill(.room)
                let ended = try client.follow(answer.id)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(!isRunning(Int64(pod.taskPID())))
                try disk.relieve(.room)
                try takesReserveBack(daemon, client)
            }
        }

        /// The daemon takes its reserve back with the next change that there is space for.
        private func takesReserveBack(_ daemon: Daemon, _ client: Client) throws {
            _ = try client.createPod("again", "{}")
            try client.deletePod("again")
            #expect(exists(daemon.runDirectory + "/reserve"))
        }

        @Test("a shim without a free descriptor reports that, and continues once it has one")
        func shimDescriptors() throws {
            try withFault("EMFILE, shim") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                try limitDescriptors(of: pod.shimPID, 4)
                daemon.heals.append {
                    ignoreFailure { try limitDescriptors(of: pod.shimPID, 1024) }
                }
                var stuck = try client.delete("web", why: "EMFILE")
                // The shim cannot accept the next daemon's connection either.
                stuck.later = ["the shim does not answer: pid \(pod.shimPID)"]
                try daemon.expectServes(stuck)
                try limitDescriptors(of: pod.shimPID, 1024)
                try daemon.expectEnds(stuck)
            }
        }

        @Test(
            "a daemon without free descriptors serves open connections, and later all")
        func daemonDescriptors() throws {
            try withFault("EMFILE, daemon") { daemon, client in
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                try limitDescriptors(of: daemon.pid, 4)
                daemon.heals.append { ignoreFailure { try limitDescriptors(of: daemon.pid, 4096) } }
                #expect(try client.send("GET", "/v1/pods").took < 0.1)
                let answer = try client.send("DELETE", "/v1/pods/web?grace=0")
                #expect(answer.status == 202)
                let new = try client.send("PUT", "/v1/pods/new", daemon.rootfs.sleeper)
                #expect(new.status == 202)
                try limitDescriptors(of: daemon.pid, 4096)
                try daemon.expectEnds(Stuck(answer.id, of: "web"))
                let made = try client.follow(new.id)
                #expect(["succeeded", "failed"].contains(made.state))
                daemon.expectAnswers()
            }
        }

        @Test(
            "a shim that cannot fork reports that, and continues once it can",
            arguments: NoFork.allCases)
        func noFork(_ way: NoFork) throws {
            try withFault("\(way.rawValue) for a fork") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let heal = try way.forbid(pod, daemon)
                daemon.heals.append(heal)
                let stuck = try client.delete("web", why: "fork", way.rawValue)
                try daemon.expectServes(stuck)
                heal()
                try daemon.expectEnds(stuck)
            }
        }
    }
}

/// The limit that refuses a fork.
enum NoFork: String, CaseIterable, Sendable {
    case tooMany = "EAGAIN"
    case noMemory = "ENOMEM"

    /// Returns a closure that permits forks again.
    func forbid(_ pod: Answer, _ daemon: Daemon) throws -> () -> Void {
        switch self {
        case .tooMany:
            guard let shim = daemon.cgroup(of: pod, "/shim", "/pids") else {
                throw Broken("no pids controller")
            }
            try write("1", to: shim + "/pids.max")
            return { ignoreFailure { try write("max", to: shim + "/pids.max") } }
        case .noMemory:
            let calls = "clone,clone3,fork,vfork"
            let strace = try Command.start(
                "strace", "-qq", "-o", "/dev/null", "-p", "\(pod.shimPID)", "-e",
                "trace=\(calls)", "-e", "inject=\(calls):error=ENOMEM")
            try eventually("strace holds the shim") {
                text(of: "/proc/\(pod.shimPID)/status")?.contains("TracerPid:\t0\n") == false
            }
            let number = strace.processIdentifier
            // SIGTERM may be blocked, as in the thread that started the process.
            return {
                if strace.isRunning { kill(number, SIGKILL) }
                strace.waitUntilExit()
            }
        }
    }
}

/// Sets only the soft limit, because without CAP_SYS_RESOURCE the hard limit can never rise again.
private func limitDescriptors(of pid: Int32, _ count: Int) throws {
    try Command.expect("prlimit", "--nofile=\(count):", "--pid", "\(pid)")
}

func withSmallDisk(
    _ name: String, _ path: (Daemon) -> String, megabytes: Int = 1,
    _ body: (Daemon, Client, SmallDisk) throws -> Void
) throws {
    var disk: SmallDisk?
    try withFault(
        name, setUp: { disk = try SmallDisk(at: path($0), of: $0, megabytes: megabytes) }
    ) { daemon, client in
        try body(daemon, client, try #require(disk))
    }
}
