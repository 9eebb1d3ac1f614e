// A task's root file system or /dev/shm that a task of another pod holds by a descriptor. The mount
// is gone, but the superblock lives, with its content on the disk or in memory.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct PassedFaults {
        /// How the descriptor is held: with the shim alive, with the shim killed, or in a socket's
        /// queue.
        enum Way: String, CaseIterable, Sendable { case alive, shimKilled, inTheQueue }

        @Test(
            "a rootfs that another pod holds by a descriptor is not gone, and its holder is named",
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
            "a pod's /dev/shm that another pod holds is not gone, and its holder is named",
            arguments: Way.allCases)
        func memoryPassed(_ way: Way) throws {
            // If nothing shows the memory and no shim watched it, it counts as gone: see
            // `whyMemoryIsHeld`.
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

        @Test(
            "a volume in memory that another pod holds is not gone, and its holder is named",
            arguments: Way.allCases)
        func volumePassed(_ way: Way) throws {
            // As for /dev/shm, what nothing shows counts as gone if no shim watched it.
            try withFault("volume passed to another pod, \(way)") { daemon, client in
                let isTaken = way != .inTheQueue
                let exchange = try Exchange(daemon, client, "/scratch", isTaken: isTaken)
                if way == .shimKilled { try lose(exchange, client) }
                var stuck = try client.delete("web", why: "volume", "no mount and is held")
                stuck.why.append(exchange.why(way))
                try daemon.expectServes(stuck)
                if way == .inTheQueue { try exchange.tell("take", until: "holds") }
                try exchange.tell("release", until: "released")
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a network namespace that another pod holds is in the audit, with its former owner")
        func namespacePassed() throws {
            try withFault("network namespace passed to another pod") { daemon, client in
                let exchange = try Exchange(daemon, client, "/", isTaken: true)
                let inode = try #require(try networkNamespace(of: exchange.giver.shimPID))
                try exchange.tell("release", until: "released")
                #expect(try client.held() == Held(isBalanced: true), "its pod lives")
                let delete = try client.send("DELETE", "/v1/pods/web?grace=0")
                #expect(try client.follow(delete.id).state == "succeeded")
                let held = Held(
                    isBalanced: false,
                    leaks: [
                        "net:[\(inode)] of web (\(exchange.giver.uid)), held by \(exchange.how)"
                    ],
                    namespaces: [[inode, exchange.giver.uid, exchange.holder.uid, "app"]])
                #expect(try client.held() == held)
                for end in [daemon.crash, daemon.terminate] {
                    end()
                    try daemon.start()
                    #expect(try client.held() == held, "a later daemon knows it as well")
                }
                try exchange.tell("end", until: "ended")
                #expect(try client.held() == Held(isBalanced: true))
            }
        }

        @Test("a namespace that a task made and holds is not reported as a deleted pod's leak")
        func namespaceMade() throws {
            try withFault("network namespace made by a task") { daemon, client in
                // The namespace's number is free then, and may be used again for the next
                // namespace.
                _ = try client.createPod("before", daemon.rootfs.sleeper)
                let delete = try client.send("DELETE", "/v1/pods/before?grace=0")
                #expect(try client.follow(delete.id).state == "succeeded")
                try Exchange.build(daemon)
                let shared = daemon.home + "/shared"
                let more = try daemon.shared([shared: "/data"])
                let task = daemon.rootfs.task(
                    args: ["/bin/pass", "make"],
                    #""capabilities": {"add": ["SYS_ADMIN"]}, "# + more)
                let pod = try client.createPod("web", "{\"tasks\": {\"app\": \(task)}}")
                try eventually("the namespace is made") { exists(shared + "/made") }
                let held = try client.held()
                #expect(held.isBalanced && held.leaks == [])
                #expect(held.namespaces.map { Array($0.dropFirst()) } == [["-", pod.uid, "app"]])
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

/// Two pods: `web` gave a descriptor of its rootfs to `holder`.
private struct Exchange {
    let giver: Answer
    let holder: Answer
    private let shared: String

    var holderPID: Int32 { holder.taskPID() }

    /// How the giver's delete names the holder of the descriptor.
    func why(_ way: Machine.PassedFaults.Way) -> String {
        way == .inTheQueue
            ? "perhaps in a socket's queue"
            : "pid \(holderPID) (pass) of pod \(holder.uid) by its"
    }

    /// How the audit names the holder of the descriptor.
    var how: String { "pid \(holderPID) (pass) of pod \(holder.uid), task app by its descriptor 6" }

    static func build(_ daemon: Daemon) throws {
        let program = daemon.rootfs.path + "/bin/pass"
        let source = Installation.root + "/Tests/Tools/pass-descriptors.c"
        try Command.expect("cc", "-static", "-O", "-o", program, source)
    }

    /// `path` is passed, and taken from the queue if `isTaken`.
    init(_ daemon: Daemon, _ client: Client, _ path: String, isTaken: Bool) throws {
        try Exchange.build(daemon)
        shared = daemon.home + "/shared"
        let mounts = try daemon.shared([shared: "/data"])
        let scratch = #", {"type": "volume", "source": "scratch", "target": "/scratch"}]"#
        func pod(_ words: String...) -> String {
            let task = daemon.rootfs.task(
                args: ["/bin/pass"] + words, mounts.dropLast() + scratch)
            return "{\"tasks\": {\"app\": \(task)}, \(Scenario.volumes)}"
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

/// What a fresh audit says about namespaces.
private struct Held: Equatable {
    var isBalanced: Bool
    var leaks: [String] = []
    /// Inode, the deleted pod's uid, and the first holder's pod and task.
    var namespaces: [[String]] = []
}

extension Client {
    fileprivate func held() throws -> Held {
        let audit = try send("GET", "/v1/audit?fresh=true")
        let line = audit["resources"]?.elements?.first { $0["kind"] == .string("namespaces") }
        let namespaces = (audit["namespaces"]?.elements ?? []).map { entry in
            let holder = entry["holders"]?.elements?.first
            let words = [entry["pod"]?["uid"]?.string, holder?["pod"]?.string]
            return ["\(entry["inode"]?.integer ?? 0)"]
                + (words + [holder?["task"]?.string]).map { $0 ?? "-" }
        }
        return Held(
            isBalanced: audit["balanced"] == .bool(true),
            leaks: (line?["unrecorded"]?.elements ?? []).compactMap(\.string),
            namespaces: namespaces)
    }
}

private func networkNamespace(of pid: Int32) throws -> String? {
    try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/net")
        .firstMatch(of: /net:\[(\d+)\]/).map { String($0.output.1) }
}
