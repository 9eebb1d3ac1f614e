// Processes that are stopped, killed or mistaken for others.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct StoppedFaults {
        @Test("a daemon that was stopped for a while and continues has lost nothing")
        func daemonStops() throws {
            try withFault("SIGSTOP, daemon") { daemon, client in
                let shared = try daemon.shared([daemon.home + "/go": "/data"])
                let script = "while [ ! -e /data/go ]; do sleep 0.02; done; exit 42"
                let pod = try client.createPod("web", daemon.rootfs.pod(script, shared))
                let create = try client.send("PUT", "/v1/pods/new", daemon.rootfs.sleeper)
                kill(daemon.pid, SIGSTOP)
                daemon.heals.append { kill(daemon.pid, SIGCONT) }
                try eventually("it is stopped") { processState(daemon.pid) == "T" }
                try write("", to: daemon.home + "/go/go")
                let pid = pod.taskPID()
                try eventually("the task has ended") { processState(pid) == nil }
                Thread.sleep(forTimeInterval: Installation.isDeep ? 120 : 2)
                kill(daemon.pid, SIGCONT)
                let task = try client.waitForTask("web", "app", "exited")
                #expect(task["exitCode"]?.integer == 42)
                #expect(try client.follow(create.id).state == "succeeded")
            }
        }

        @Test(
            "a stopped shim delays only its own pod, and its wait ends when it continues")
        func shimStops() throws {
            try withFault("SIGSTOP, shim") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let shim = pod.shimPID
                kill(shim, SIGSTOP)
                daemon.heals.append { kill(shim, SIGCONT) }
                try eventually("it is stopped") { processState(shim) == "T" }
                let stuck = try client.delete("web", why: "pid \(shim)", "state T")
                try daemon.expectServes(stuck)
                kill(shim, SIGCONT)
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a shim that is stopped forever and then killed leaves its delete to the daemon")
        func shimStopsAndDies() throws {
            try withFault("SIGSTOP and SIGKILL, shim") { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                kill(pod.shimPID, SIGSTOP)
                daemon.heals.append { kill(pod.shimPID, SIGKILL) }
                let stuck = try client.delete("web")
                try daemon.crashAndRestart()
                daemon.expectAnswers(stuck)
                kill(pod.shimPID, SIGKILL)
                try daemon.expectEnds(stuck)
            }
        }

        @Test("a stopped helper delays only its own pod")
        func helperStops() throws {
            try withRuntime("SIGSTOP, runtime", .hang("run")) { daemon, client in
                let create = try client.send("PUT", "/v1/pods/web", daemon.rootfs.sleeper)
                let making = Stuck(create.id, of: "web", why: "runtime create", "state S")
                try daemon.expectNamed(making, client)
                daemon.behave()
                let details = try client.send("GET", "/v1/operations/\(create.id)").details
                let pid = try #require(details.compactMap(pidNamed).first)
                kill(pid, SIGSTOP)
                daemon.heals.append { kill(pid, SIGCONT) }
                try daemon.expectNamed(
                    Stuck(create.id, of: "web", why: "pid \(pid)", "state T"), client)
                daemon.expectAnswers(making)
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
            }
        }

        @Test("a foreign process with a dead shim's pid lives on", arguments: [true, false])
        func pidReuse(_ sameStart: Bool) throws {
            let name = sameStart ? "pid and start reused" : "pid reused"
            try withFault(name) { daemon, client in
                let pod = try client.createPod("web", daemon.rootfs.sleeper)
                let stranger = try Command.start("sleep", "1000")
                let number = stranger.processIdentifier
                daemon.heals.append { kill(number, SIGKILL) }
                daemon.crash()
                kill(pod.shimPID, SIGKILL)
                try daemon.rename(shim: pod, to: stranger, keepingStart: !sameStart)
                try daemon.start()
                try eventually("the pod is lost") {
                    try client.send("GET", "/v1/pods/web").state == "lost"
                }
                let ended = try client.deletePod("web")
                #expect(ended.state == "succeeded", "\(ended.reply.text)")
                #expect(processState(number) == "S", "the stranger was touched")
                kill(number, SIGKILL)
                stranger.waitUntilExit()
            }
        }
    }
}

extension Daemon {
    /// While the daemon is down, makes the store's record of a pod name another process as its
    /// shim.
    fileprivate func rename(shim pod: Answer, to stranger: Process, keepingStart: Bool) throws {
        let number = stranger.processIdentifier
        let status = try #require(text(of: "/proc/\(number)/stat"))
        let fields = status.drop { $0 != ")" }.dropFirst(2).split(separator: " ")
        let start = keepingStart ? "" : ", '$.shim.process.ticks', \(fields[19])"
        let change = """
            update pods set document = cast(json_set(cast(document as text), \
            '$.shim.process.pid', \(number)\(start)) as blob) returning cast(document as text)
            """
        let said = try Command.expect("sqlite3", runDirectory + "/staunch.db", change)
        #expect(said.contains("\(number)"), "\(said)")
    }
}
