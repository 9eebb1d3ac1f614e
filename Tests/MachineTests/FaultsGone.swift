// Files below the run directory that another program removed (a cleaner such as systemd-tmpfiles,
// or an administrator). Each file goes alone, with the daemon alive and with the daemon dead.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct GoneFaults {
        /// The daemon when the file goes: alive to the end, restarted afterwards, or dead.
        enum Moment: String, CaseIterable, Sendable { case alive, restarted, dead }

        @Test(
            "with any file of the run directory missing, the delete ends and other pods run on",
            arguments: Moment.allCases)
        func gone(_ moment: Moment) throws {
            try withFault("gone from the run directory, daemon \(moment)") { daemon, client in
                let other = try client.createPod("other", daemon.rootfs.sleeper)
                // If the API's socket goes while the daemon lives, clients have no other way in.
                var removed: Set<String> = moment == .alive ? ["staunch.sock"] : []
                // The files of a living pod yield the list, so a new kind of file is tested too.
                while let next = try GoneFile.next(daemon, client, besides: removed) {
                    removed.insert(next.kind)
                    let what = "\(next.kind), daemon \(moment)"
                    if moment == .dead { daemon.crash() }
                    try next.remove()
                    if moment == .restarted { daemon.crash() }
                    if moment != .alive { try daemon.start() }
                    try next.expectEnds(daemon, client, what)
                    guard !next.isStore else { continue }
                    expectLives(other, client, what)
                }
                #expect(removed.isSuperset(of: GoneFile.known), "\(removed.sorted())")
                // A living daemon continues with a store that no longer has a name.
                try daemon.deleteEverything()
                try daemon.crashAndRestart()
            }
        }

        @Test("a delete ends a shim that has no socket and makes none")
        func silentShim() throws {
            try withFault("no socket, shim stopped") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                kill(pod.shimPID, SIGSTOP)
                daemon.crash()
                removeFile(daemon.folder(pod) + "/shim.sock")
                try daemon.start()
                let delete = try client.send("DELETE", "/v1/pods/web?grace=0")
                let ended = try client.follow(delete.id, within: 20)
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
            }
        }

        private func expectLives(_ other: Answer, _ client: Client, _ what: String) {
            Issue.recordFailure {
                try eventually("\(what): the other pod's shim is reached", within: 10) {
                    try client.send(
                        "POST", "/v1/pods/other/tasks/app/signal", #"{"signal": "CONT"}"#,
                        headers: ["Prefer": "wait=10"]
                    ).state == "succeeded"
                }
                let now = try client.send("GET", "/v1/pods/other")
                #expect(now.state == "ready", "\(what): \(now.reply.text)")
                #expect(isRunning(Int64(other.taskPID())), "\(what): the other pod's task")
            }
        }
    }
}

/// One file or directory below the run directory, and the pod that is deleted without it.
private struct GoneFile {
    let path: String
    /// The path without the pod's uid and the shim's hash.
    let kind: String
    let pod: Answer

    /// At least these kinds exist.
    static let known: Set<String> = [
        "lock", "reserve", "staunch.db", "staunch.sock", "bin", "pods", "pods/UID",
        "pods/UID/lock", "pods/UID/shim.sock", "pods/UID/shim.log", "pods/UID/tasks",
        "pods/UID/tasks/app", "pods/UID/tasks/app/config.json", "pods/UID/tasks/app/exit",
        "pods/UID/tasks/app/pid", "pods/UID/tasks/app/rootfs", "pods/UID/runtime",
        "pods/UID/volumes", "pods/UID/volumes/scratch", "pods/UID/volumes/scratch.device",
    ]

    /// A new pod, and the first kind of file that `besides` does not name; `nil` if all are done.
    static func next(
        _ daemon: Daemon, _ client: Client, besides done: Set<String>
    ) throws -> GoneFile? {
        let pod = try client.createPod("web", Scenario.pod(daemon.rootfs))
        guard pod.status == 201 else { throw Broken("not made: \(pod.reply.text)") }
        let run = daemon.runDirectory
        let names = try Command.run("find", run, "-xdev", "-mindepth", "1", "-printf", "%P\n")
        // The store goes last, because without it the other pod is an orphan.
        let paths = names.output.split(separator: "\n").map(String.init).sorted {
            ($0.hasPrefix("staunch.db") ? 1 : 0, $0) < ($1.hasPrefix("staunch.db") ? 1 : 0, $1)
        }
        for path in paths where path.hasPrefix("pods/\(pod.uid)") || !path.hasPrefix("pods/") {
            // The name of the runtime's folder contains the task's uid.
            var kind = path.replacingOccurrences(of: pod.uid, with: "UID")
                .replacing(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, with: "TASK")
            if kind.hasPrefix("bin/") { kind = "bin/HASH" + (kind.contains("shim") ? "/shim" : "") }
            if !done.contains(kind) {
                return GoneFile(path: "\(run)/\(path)", kind: kind, pod: pod)
            }
        }
        try client.deletePod("web")
        return nil
    }

    /// Whether the records go with it.
    var isStore: Bool { kind.hasPrefix("staunch.db") || kind == "pods" }

    func remove() throws {
        try Command.run("rm", "-rf", "--one-file-system", path)
        #expect(!exists(path), "\(kind) is still there")
    }

    func expectEnds(_ daemon: Daemon, _ client: Client, _ what: String) throws {
        let delete = try client.send("DELETE", "/v1/pods/web?grace=0&allowMissing=true")
        if delete.status == 202 {
            let ended = try client.follow(delete.id, within: 15)
            #expect(ended.state == "succeeded", "\(what): \(ended.reply.text)")
        } else {
            #expect(isStore && delete.status == 204, "\(what): \(delete.reply.text)")
        }
        try eventually("\(what): shim and task are gone", within: 15) {
            !isRunning(Int64(pod.shimPID)) && !isRunning(Int64(pod.taskPID()))
        }
    }
}
