// The namespaces that a pod shares with the host, its sysctls and its shared memory, as a task sees
// them.

import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct Surroundings {
        @Test(
            "/dev/shm has the size of the spec", arguments: [("", 16384), (#""shmSize": 8192"#, 2)])
        func sharedMemory(member: String, pages: Int) throws {
            try withDaemon { daemon, client in
                let script = "stat -f -c %b /dev/shm; exec sleep 1000"
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, podMore: member))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("its size is told") { try told(pod, daemon) == ["\(pages)"] }
            }
        }

        @Test(
            "sysctls are set in the pod's namespaces alone", arguments: Installation.runtimes)
        func sysctls(runtime: String) throws {
            let values = [
                ("net/core/somaxconn", "77"), ("net/ipv4/ip_unprivileged_port_start", "88"),
                ("kernel/shmmni", "99"), ("kernel/sem", "250 32000 32 111"),
                ("fs/mqueue/queues_max", "55"),
            ]
            try withDaemon(["--runtime", runtime]) { daemon, client in
                let host = values.map { text(of: "/proc/sys/\($0.0)") }
                let members = values.map { path, value in
                    "\"\(path.replacing("/", with: "."))\": \"\(value)\""
                }
                let paths = values.map { "/proc/sys/\($0.0)" }.joined(separator: " ")
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        "for p in \(paths); do echo $(cat $p) | tr ' ' ,; done; exec sleep 1000",
                        podMore: "\"sysctls\": {\(members.joined(separator: ", "))}"))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let wanted = values.map { $0.1.replacing(" ", with: ",") }
                try eventually("the task reads them") {
                    try told(pod, daemon).map(String.init) == wanted
                }
                #expect(values.map { text(of: "/proc/sys/\($0.0)") } == host)
            }
        }

        @Test(
            "a sysctl that the kernel refuses fails the create with its name, and nothing is left",
            arguments: ["net.ipv4.ip_default_ttl", "net.staunch.none"])
        func refused(name: String) throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod("true", podMore: "\"sysctls\": {\"\(name)\": \"9999\"}"))
                #expect(pod.status == 422 && pod.code == "sysctl-refused", "\(pod.reply.text)")
                #expect(pod.reply.text.contains("\(name) = 9999"), "\(pod.reply.text)")
                #expect(try client.send("GET", "/v1/pods/web").status == 404)
            }
        }

        @Test(
            "a task is in the host's namespaces that the spec names",
            arguments: Installation.runtimes.flatMap { runtime in
                ["pid", "ipc"].map { (runtime, $0) }
            })
        func host(runtime: String, kind: String) throws {
            try withDaemon(["--runtime", runtime]) { daemon, client in
                let script = """
                    readlink /proc/self/ns/pid; readlink /proc/self/ns/ipc; stat -c %d /dev/shm
                    exec sleep 1000
                    """
                let member = "\"host\(kind.uppercased())\": true"
                let pod = try client.createPod("web", daemon.rootfs.pod(script, podMore: member))
                #expect(pod.status == 201, "\(pod.reply.text)")
                let shm = try Command.run("stat", "-c", "%d", "/dev/shm").output
                let host = try ["pid", "ipc"].map {
                    try FileManager.default.destinationOfSymbolicLink(
                        atPath: "/proc/self/ns/\($0)")
                }
                var said: [Substring] = []
                try eventually("the task has told all") {
                    said = try told(pod, daemon)
                    return said.count == 3
                }
                #expect((said[0] == host[0]) == (kind == "pid"))
                #expect((said[1] == host[1]) == (kind == "ipc"))
                #expect((said[2] + "\n" == shm) == (kind == "ipc"))
                try daemon.crashAndRestart()
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("with hostPID the others of a task end with its first process, and with a stop")
        func others() throws {
            try withDaemon { daemon, client in
                let script =
                    "(setsid sleep 1000 &) ; echo up; until test -e /d/end; do sleep 0.05; done"
                let mount = #"{"type": "bind", "source": "\#(daemon.home)", "target": "/d"}"#
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        script + "; true", "\"mounts\": [\(mount)]",
                        podMore: #""hostPID": true"#))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it is up") { try told(pod, daemon) == ["up"] }
                try write("", to: daemon.home + "/end")
                try eventually("the first process has ended") {
                    try client.send("GET", "/v1/pods/web/tasks/app").state == "exited"
                }
                try eventually("the other is gone") {
                    let cgroup = "\(pod.uid)/pod/task-app"
                    let all = try FileManager.default.contentsOfDirectory(atPath: "/proc")
                    return !all.contains {
                        Int($0) != nil && (text(of: "/proc/\($0)/cgroup") ?? "").contains(cgroup)
                    }
                }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "with sharePID the tasks see each other, and a process of the daemon's reaps",
            arguments: Installation.runtimes)
        func shared(runtime: String) throws {
            try withDaemon(["--runtime", runtime]) { daemon, client in
                // 20 processes without a parent, of which none may stay a zombie.
                let script = """
                    for i in $(seq 20); do sh -c '(sleep 0.1; exit) & exit'; done; sleep 1
                    grep -l 'State:.Z' /proc/[0-9]*/status | wc -l; cat /proc/1/comm
                    ls /proc/1/root/ /proc/1/cwd/ >&- 2>&- && echo open || echo closed
                    readlink /proc/self/ns/pid; exec sleep 1000
                    """
                let other = "readlink /proc/self/ns/pid; exec sleep 999"
                let all = [("app", script), ("b", other)].map {
                    "\"\($0)\": \(daemon.rootfs.task($1))"
                }
                let tasks = all.joined(separator: ", ")
                let pod = try client.createPod("web", "{\"tasks\": {\(tasks)}, \"sharePID\": true}")
                #expect(pod.status == 201, "\(pod.reply.text)")
                var said: [Substring] = []
                try eventually("the task has told all") {
                    said = try told(pod, daemon)
                    return said.count == 4
                }
                #expect(said.prefix(3) == ["0", "staunch-reaper", "closed"])
                try eventually("the other is in the same namespace") {
                    try told(pod, daemon, "b") == [said[3]]
                }
                let reaper = try #require(try children(of: pod.shimPID, named: "reap").first)
                let rollup = text(of: "/proc/\(reaper)/smaps_rollup") ?? ""
                let anonymous = rollup.split(separator: "\n").first { $0.hasPrefix("Anonymous:") }
                let size = anonymous?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
                #expect((size ?? 1000) <= 24, "\(rollup)")
                let stop = try client.send(
                    "POST", "/v1/pods/web/tasks/b/stop", #"{"grace": 0}"#,
                    headers: ["Prefer": "wait=60"])
                #expect(stop.state == "succeeded", "\(stop.reply.text)")
                #expect(try client.send("GET", "/v1/pods/web/tasks/app").state == "running")
                try daemon.crashAndRestart()
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(!exists("/proc/\(reaper)"))
            }
        }

        @Test(
            "the tasks end with the reaper, and the reaper with the shim", arguments: [true, false])
        func reaperEnds(isShim: Bool) throws {
            try withDaemon { daemon, client in
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod("echo up; exec sleep 1000", podMore: #""sharePID": true"#))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it is up") { try told(pod, daemon) == ["up"] }
                let reaper = try #require(try children(of: pod.shimPID, named: "reap").first)
                kill(isShim ? pod.shimPID : reaper, SIGKILL)
                try eventually("the reaper is gone") { !exists("/proc/\(reaper)") }
                try eventually("the pod or the task has ended") {
                    isShim
                        ? try client.send("GET", "/v1/pods/web").state == "lost"
                        : try client.send("GET", "/v1/pods/web/tasks/app").state == "exited"
                }
                if !isShim {
                    let later = try client.send(
                        "PUT", "/v1/pods/web/tasks/b", daemon.rootfs.task("true"),
                        headers: ["Prefer": "wait=60"])
                    #expect(later.reply.text.contains("the first process of the pod's PID"))
                }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test(
            "a stopped reaper delays no delete, also if the shim was killed",
            arguments: [true, false])
        func reaperStopped(isShimKilled: Bool) throws {
            try withDaemon { daemon, client in
                let script = "sh -c '(sleep 0.01) & exit'; echo up; exec sleep 1000"
                let pod = try client.createPod(
                    "web", daemon.rootfs.pod(script, podMore: #""sharePID": true"#))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("it is up") { try told(pod, daemon) == ["up"] }
                let reaper = try #require(try children(of: pod.shimPID, named: "reap").first)
                kill(reaper, SIGSTOP)
                if isShimKilled {
                    kill(pod.shimPID, SIGKILL)
                    try eventually("the pod is lost") {
                        try client.send("GET", "/v1/pods/web").state == "lost"
                    }
                }
                #expect(try client.deletePod("web").state == "succeeded")
                // The kernel waits until the host's first process has reaped the tasks.
                try eventually("the reaper is gone") { !exists("/proc/\(reaper)") }
            }
        }

        @Test("no signal of a task ends or stops the reaper, which reaps a bomb's orphans")
        func attacked() throws {
            try withDaemon { daemon, client in
                let script = """
                    for s in $(seq 64); do kill -$s 1; done 2>&-
                    for i in $(seq 100); do (sleep 0.2 & sleep 0.1 & exit) & done; wait
                    until ! grep -l 'State:.Z' /proc/[0-9]*/status; do sleep 0.1; done >&- 2>&-
                    cat /proc/1/comm; exec sleep 1000
                    """
                let pod = try client.createPod(
                    "web",
                    daemon.rootfs.pod(
                        script, #""resources": {"pids": 1000}"#, podMore: #""sharePID": true"#))
                #expect(pod.status == 201, "\(pod.reply.text)")
                try eventually("the reaper lives", within: 20) {
                    try told(pod, daemon).last == "staunch-reaper"
                }
                #expect(try client.deletePod("web").state == "succeeded")
            }
        }

        @Test("a process of the host that a task with hostPID sees outlives the pod")
        func foreign() throws {
            let foreign = Process()
            foreign.executableURL = URL(fileURLWithPath: "/bin/sleep")
            foreign.arguments = ["1000"]
            foreign.standardOutput = FileHandle.nullDevice
            foreign.standardError = FileHandle.nullDevice
            try foreign.run()
            defer {
                // A test process may have SIGTERM blocked, and its children then have it, too.
                kill(foreign.processIdentifier, SIGKILL)
                foreign.waitUntilExit()
            }
            try withDaemon { daemon, client in
                for way in ["exit", "stop", "lost"] {
                    let end = way == "exit" ? "exit" : "exec sleep 1000"
                    let pod = try client.createPod(
                        "web",
                        daemon.rootfs.pod(
                            "test -e /proc/\(foreign.processIdentifier) && echo seen; \(end)",
                            podMore: #""hostPID": true"#))
                    #expect(pod.status == 201, "\(pod.reply.text)")
                    try eventually("the task sees it") { try told(pod, daemon) == ["seen"] }
                    if way == "lost" { kill(pod.shimPID, SIGKILL) }
                    #expect(try client.deletePod("web").state == "succeeded")
                    #expect(foreign.isRunning, "\(way)")
                }
            }
        }

        /// The last word of each line of the task's log.
        private func told(
            _ pod: Answer, _ daemon: Daemon, _ task: String = "app"
        ) throws -> [Substring] {
            let log = "\(daemon.logDirectory)/\(pod.uid)/\(task).log"
            return (text(of: log) ?? "").split(separator: "\n").compactMap {
                $0.split(separator: " ").last
            }
        }
    }
}

/// The children of a process whose second word is `verb`.
func children(of pid: Int32, named verb: String) throws -> [Int32] {
    let all = text(of: "/proc/\(pid)/task/\(pid)/children") ?? ""
    return all.split(separator: " ").compactMap { Int32($0) }.filter {
        let words = (text(of: "/proc/\($0)/cmdline") ?? "").split(separator: "\0")
        return words.dropFirst().first.map(String.init) == verb
    }
}
