// A descriptor of a task's root file system that a task of another pod holds: the mount is gone,
// and the superblock, with all that it has on the disk, is not.

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
                let exchange = try Exchange(daemon, client, given)
                if way == .shimKilled { kill(exchange.giver.shimPID, SIGKILL) }
                if way == .shimKilled {
                    try eventually("the pod is lost") {
                        try client.send("GET", "/v1/pods/web").state == "lost"
                    }
                }
                var stuck = try client.delete("web", why: "has no mount and is held")
                stuck.why.append(
                    way == .inTheQueue
                        ? "perhaps in a socket's queue"
                        : "pid \(exchange.holderPID) (pass) of pod \(exchange.holder.uid) by its")
                try daemon.expectServes(stuck)
                #expect(exists(daemon.upper(exchange.giver)), "the upper layer is still there")
                if way == .inTheQueue { try exchange.tell("take", until: "holds") }
                try exchange.tell("release", until: "released")
                try daemon.expectEnds(stuck)
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

    /// `path` is what is given. It is taken from the queue at once unless it is the root.
    init(_ daemon: Daemon, _ client: Client, _ path: String) throws {
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
        if path != "/" { try tell("take", until: "holds") }
    }

    func tell(_ word: String, until told: String) throws {
        try write("", to: "\(shared)/\(word)")
        try eventually("it \(told)") { exists("\(shared)/\(told)") }
    }
}
