// A descriptor of a task's root file system, or of its /dev/shm, that a task of another pod holds:
// the mount is gone, and the superblock, with all that it has on the disk or in memory, is not.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct PassedFaults {
        /// What becomes of the pod's shim and of the daemon while the descriptor is held.
        enum Way: String, CaseIterable, Sendable { case alive, shimKilled, inTheQueue }

        @Test(
            "a rootfs that another pod holds by a descriptor is not gone, and the holder is named",
            arguments: Way.allCases)
        func passed(_ way: Way) throws {
            try withFault("rootfs passed to another pod, \(way)") { daemon, client in
                let given = way == .inTheQueue ? "/" : "/bin/sh"
                let exchange = try Exchange(daemon, client, given, isTaken: way != .inTheQueue)
                if way == .shimKilled { try lose(exchange, client) }
                var stuck = try client.delete("web", why: "has no mount and is held")
                stuck.why.append(exchange.why(way))
                try daemon.expectServes(stuck)
                #expect(exists(daemon.upper(exchange.giver)), "the upper layer is still there")
                if way == .inTheQueue { try exchange.tell("take", until: "holds") }
                try exchange.tell("release", until: "released")
                try daemon.expectEnds(stuck)
            }
        }

        @Test(
            "a pod's /dev/shm that another pod holds is not gone, and the holder is named",
            arguments: Way.allCases)
        func memoryPassed(_ way: Way) throws {
            // What nobody shows, and no shim has watched, may be gone: see `whyMemoryIsHeld`.
            try withFault("/dev/shm passed to another pod, \(way)") { daemon, client in
                let isTaken = way != .inTheQueue
                let exchange = try Exchange(daemon, client, "/dev/shm", isTaken: isTaken)
                if way == .shimKilled { try lose(exchange, client) }
                var stuck = try client.delete("web", why: "/dev/shm has no mount and is held")
                stuck.why.append(exchange.why(way))
                try daemon.expectServes(stuck)
                if way == .inTheQueue { try exchange.tell("take", until: "holds") }
                try exchange.tell("release", until: "released")
                try daemon.expectEnds(stuck)
            }
        }

        private func lose(_ exchange: Exchange, _ client: Client) throws {
            kill(exchange.giver.shimPID, SIGKILL)
            try eventually("the pod is lost") {
                try client.send("GET", "/v1/pods/web").state == "lost"
            }
        }
    }
}

/// Two pods: `web` has given a descriptor of its rootfs to `holder`.
private struct Exchange {
    let giver: Answer
    let holder: Answer
    private let shared: String

    var holderPID: Int32 { holder.taskPID() }

    /// How the delete of the giver names who holds what was given.
    func why(_ way: Machine.PassedFaults.Way) -> String {
        way == .inTheQueue
            ? "perhaps in a socket's queue"
            : "pid \(holderPID) (pass) of pod \(holder.uid) by its"
    }

    /// `path` is what is given, and taken from the queue if `isTaken`.
    init(_ daemon: Daemon, _ client: Client, _ path: String, isTaken: Bool) throws {
        let program = daemon.rootfs.path + "/bin/pass"
        let source = Installation.root + "/Tests/Tools/pass-descriptors.c"
        try Command.expect("cc", "-static", "-O", "-o", program, source)
        shared = daemon.home + "/shared"
        let mounts = try daemon.shared([shared: "/data"])
        func pod(_ words: String...) -> String {
            "{\"tasks\": {\"app\": \(daemon.rootfs.task(args: ["/bin/pass"] + words, mounts))}}"
        }
        holder = try client.createPod("holder", pod("hold"))
        giver = try client.createPod("web", pod("give", path))
        let sent = shared + "/sent"
        try eventually("the descriptor is sent") { exists(sent) }
        if isTaken { try tell("take", until: "holds") }
    }

    func tell(_ word: String, until told: String) throws {
        try write("", to: "\(shared)/\(word)")
        try eventually("it \(told)") { exists("\(shared)/\(told)") }
    }
}
