// Tasks that resist their end, or cannot end.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct TaskFaults {
        @Test("a delete waits for a task in state D, names it, and ends when the disk answers")
        func stateD() throws {
            var disk: StallingDisk?
            try withFault(
                "task in state D",
                setUp: { disk = try StallingDisk(at: $0.home + "-mine", of: $0) }
            ) { daemon, client in
                let disk = try #require(disk)
                let script = "until [ -e /data/go ]; do sleep 0.02; done; mkdir /tmp/new; true"
                let mounts = try daemon.shared([
                    daemon.home + "/go": "/data", disk.mountPoint: "/tmp",
                ])
                let pod = try client.createPod("web", daemon.rootfs.pod(script, mounts))
                let cgroup = try #require(
                    daemon.cgroup(of: pod, "/pod/task-app", "/unified"))
                try disk.stall()
                try write("", to: daemon.home + "/go/go")
                var held: Int32 = 0
                try eventually("a process of the task is in state D") {
                    held = Daemon.processes(in: cgroup).first { processState($0) == "D" } ?? 0
                    return held != 0
                }
                #expect(held != pod.taskPID(), "a child, and not the first process")
                let stuck = try client.delete("web", why: "pid \(held), state D")
                try daemon.expectServes(stuck)
                disk.resume()
                try daemon.expectEnds(stuck)
            }
        }

        @Test(
            "a frozen task with a frozen child cgroup is thawed and ended",
            arguments: Freezer.here)
        func frozen(_ freezer: Freezer) throws {
            try withFault("frozen cgroup, \(freezer)") { daemon, client in
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod("sleep 1001 & sleep 1002 & exec sleep 1000"))
                let cgroup = try #require(
                    daemon.cgroup(of: pod, "/pod/task-app", freezer.hierarchy))
                let pids = try daemon.waitForProcesses(in: cgroup, 3)
                try makeDirectory(cgroup + "/child")
                try write("\(pids[2])", to: cgroup + "/child/cgroup.procs")
                for directory in [cgroup + "/child", cgroup] {
                    try write(freezer.frozen, to: "\(directory)/\(freezer.file)")
                }
                try eventually("it is frozen") { freezer.isFrozen(cgroup) }
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                for pid in pids { #expect(processState(pid) == nil) }
                #expect(ended["exits", "app", "signal"]?.string == "KILL")
            }
        }

        @Test("a fork bomb at its limit is ended to the last process", .needsController("pids"))
        func forkBomb() throws {
            try withFault("fork bomb") { daemon, client in
                // Each process forks whenever it may, and continues if a fork fails.
                let script = """
                    trap '' TERM; mkfifo /tmp/never; exec 2>/dev/null
                    bomb() { while :; do command eval 'bomb &'; read -t 1 x <>/tmp/never; done; }
                    bomb
                    """
                let limit = "\"resources\": {\"pids\": 64}, \"gracePeriod\": 0"
                let pod = try client.createPod("web", daemon.rootfs.pod(script, limit))
                let cgroup = try #require(
                    daemon.cgroup(
                        of: pod, "/pod/task-app", Controllers.areUnified ? "/unified" : "/pids"))
                try eventually("it is at its limit") {
                    Int(text(of: cgroup + "/pids.current")?.dropLast() ?? "") ?? 0 >= 60
                }
                daemon.expectAnswers()
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
            }
        }

        @Test("a task that ignores SIGTERM has its grace, and no more")
        func ignoresTerm() throws {
            try withFault("SIGTERM ignored") { daemon, client in
                _ = try client.createPod(
                    "web", daemon.rootfs.pod("trap '' TERM; while :; do sleep 0.05; done"))
                let answer = try client.send("DELETE", "/v1/pods/web?grace=4")
                var stuck = Stuck(answer.id, of: "web", why: "grace for pid")
                stuck.why.append("pid")
                try daemon.expectNamed(stuck, client)
                let ended = try client.follow(answer.id)
                #expect(ended.state == "succeeded")
                #expect(ended["exits", "app", "signal"]?.string == "KILL")
            }
        }

        @Test("grandchildren that hold a task's output open end with it")
        func grandchildren() throws {
            try withFault("output held by grandchildren") { daemon, client in
                let script = "(setsid sleep 1001 &); (trap '' TERM HUP; sleep 1002) & echo ready; "
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script + "exec sleep 1000"))
                let log = "\(daemon.logDirectory)/\(pod.uid)/app.log"
                try eventually("it is ready") { text(of: log)?.contains("ready") == true }
                // By signal, so that the exit is the task's own, and the other processes stay to be
                // found.
                kill(pod.taskPID(), SIGKILL)
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["signal"]?.string == "KILL")
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "a task's processes in cgroups of any name end with the task", arguments: [true, false])
        func strangelyNamed(shimLives: Bool) throws {
            let name = "moved in cgroups that are not UTF-8\(shimLives ? "" : ", shim dead")"
            try withFault(name) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.pod("exec sleep 1000"))
                // No PID namespace kills this process, so the daemon must walk the cgroups.
                let orphan = try Command.start("sleep", "1004")
                let number = "\(orphan.processIdentifier)"
                let script = """
                    cd "$1" && name=$(printf '\\377\\376') && mkdir "$name" && cd "$name" &&
                    name=$(printf '\\200 x') && mkdir "$name" && echo "$2" >"$name/cgroup.procs"
                    """
                for hierarchy in Census.hierarchies where !hierarchy.hasSuffix("/cpuset") {
                    let task = "\(hierarchy)\(daemon.cgroupParent)/\(pod.uid)/pod/task-app"
                    let made = try Command.run("sh", "-c", script, "sh", task, number)
                    try #require(made.status == 0, "\(hierarchy): \(made.output)")
                }
                if !shimLives { try lose(pod, client) }
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                orphan.waitUntilExit()
                #expect(orphan.terminationReason == .uncaughtSignal)
            }
        }

        @Test(
            "processes that moved elsewhere in the pod's cgroup tree end with the pod",
            arguments: ["/pids", "/freezer", "/memory", "/unified"], [true, false])
        func moved(_ hierarchy: String, shimLives: Bool) throws {
            guard Controllers.hierarchy(hierarchy) != nil else { return }
            let name = "moved in \(hierarchy)\(shimLives ? "" : ", shim dead")"
            try withFault(name) { daemon, client in
                let script = "sleep 1001 & sleep 1002 & sleep 1003 & exec sleep 1000"
                let pod = try client.createPod("web", daemon.rootfs.pod(script))
                let cgroup = try #require(daemon.cgroup(of: pod, "/pod/task-app", hierarchy))
                let pids = try daemon.waitForProcesses(in: cgroup, 4)
                let base = try #require(daemon.cgroup(of: pod, "", hierarchy))
                try makeDirectory(base + "/elsewhere/below")
                // A cgroup of v2 that gives controllers to its children takes no process
                // (cgroups(7), "no internal processes").
                let given = text(of: base + "/pod/cgroup.subtree_control") ?? "\n"
                let places = ["/elsewhere/below", "/shim"] + (given == "\n" ? ["/pod"] : [])
                for (pid, place) in zip(pids[1...], places) {
                    try write("\(pid)", to: base + place + "/cgroup.procs")
                }
                // No PID namespace kills this process: it was only moved there.
                let orphan = try Command.start("sleep", "1004")
                let number = orphan.processIdentifier
                try write("\(number)", to: base + "/elsewhere/cgroup.procs")
                if !shimLives { try lose(pod, client) }
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                // Without a shim, init reaps them at an unknown time.
                for pid in pids { #expect(processState(pid) ?? "Z" == "Z") }
                orphan.waitUntilExit()
                #expect(orphan.terminationReason == .uncaughtSignal)
            }
        }

        private func lose(_ pod: Answer, _ client: Client) throws {
            kill(pod.shimPID, SIGKILL)
            try eventually("the pod is lost") {
                try client.send("GET", "/v1/pods/web").state == "lost"
            }
        }
    }
}

enum Freezer: String, CaseIterable, Sendable {
    case v1, v2

    var hierarchy: String { self == .v1 ? "/freezer" : "/unified" }
    var file: String { self == .v1 ? "freezer.state" : "cgroup.freeze" }
    var frozen: String { self == .v1 ? "FROZEN" : "1" }

    func isFrozen(_ cgroup: String) -> Bool {
        switch self {
        case .v1: text(of: cgroup + "/freezer.state") == "FROZEN\n"
        case .v2: text(of: cgroup + "/cgroup.events")?.contains("frozen 1") == true
        }
    }

    /// The freezers of this machine.
    static var here: [Freezer] {
        allCases.filter { Controllers.hierarchy($0.hierarchy) != nil }
    }
}

extension Daemon {
    /// The pod's cgroup, or one below it, in the hierarchy of this name: see `Controllers`.
    func cgroup(of pod: Answer, _ below: String, _ hierarchy: String) -> String? {
        Controllers.hierarchy(hierarchy).map { "\($0)\(cgroupParent)/\(pod.uid)\(below)" }
    }

    func waitForProcesses(in cgroup: String, _ count: Int) throws -> [Int32] {
        var pids: [Int32] = []
        try eventually("\(count) processes are in \(cgroup)") {
            pids = Daemon.processes(in: cgroup)
            return pids.count == count
        }
        return pids
    }

    /// Sorted by pid, which is the order of creation.
    static func processes(in cgroup: String) -> [Int32] {
        (text(of: cgroup + "/cgroup.procs") ?? "").split(separator: "\n")
            .compactMap { Int32($0) }.sorted()
    }
}
