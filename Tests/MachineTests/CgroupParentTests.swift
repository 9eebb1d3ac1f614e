// Pods whose tasks are below a cgroup of another program's, as the kubelet makes one for each pod.

import Census
import Foundation
import Glibc
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct CgroupParents {
        @Test(
            "tasks are below the pod's cgroup parent where it exists, and the parent is untouched",
            arguments: ForeignParent.kinds)
        func lives(_ kind: ForeignParent.Kind) throws {
            try withDaemon { daemon, client in
                let parent = try ForeignParent(kind, daemon)
                let pod = try client.createPod("web", parent.pod(daemon.rootfs))
                #expect(pod.status == 201, "\(pod.reply.text)")
                #expect(pod["cgroupParent"]?.string == parent.path)
                try parent.expectHolds("app", of: pod, daemon)
                let added = try client.send(
                    "PUT", "/v1/pods/web/tasks/more", daemon.rootfs.task("exec sleep 9999"),
                    headers: ["Prefer": "wait=60"])
                #expect(added.status == 201, "\(added.reply.text)")
                try daemon.crashAndRestart()
                let gone = try client.send(
                    "DELETE", "/v1/pods/web/tasks/more?grace=0", headers: ["Prefer": "wait=60"])
                #expect(gone.state == "succeeded", "\(gone.reply.text)")
                #expect(parent.cgroups(of: pod, "more", daemon).filter(exists) == [])
                try parent.expectHolds("app", of: pod, daemon)
                let audit = try client.send("GET", "/v1/audit?fresh=true")
                #expect(audit["balanced"] == .bool(true), "\(audit.reply.text)")
                #expect(try client.deletePod("web").state == "succeeded")
                parent.expectEmpty()
            }
        }

        @Test("a short task below a cgroup parent has its exit", arguments: ForeignParent.kinds)
        func ends(_ kind: ForeignParent.Kind) throws {
            try withDaemon { daemon, client in
                let parent = try ForeignParent(kind, daemon)
                for code in 0..<8 {
                    let name = "end\(code)"
                    let made = try client.createPod(
                        name, parent.pod(daemon.rootfs, script: "exit \(code)"))
                    #expect(made.status == 201, "\(made.reply.text)")
                    let task = try client.waitForTask(name, "app", "exited")
                    #expect(task["exitCode"]?.integer == Int64(code))
                }
            }
        }

        @Test("a cgroup parent that is missing or ours is refused, and is not made")
        func refused() throws {
            try withDaemon { daemon, client in
                let missing = "/foreign-\(getpid())-none/pod"
                func put(_ more: String) throws -> Answer {
                    try client.send("PUT", "/v1/pods/web", "{\(more)}")
                }
                let absent = try put(#""cgroupParent": "\#(missing)""#)
                #expect(absent.status == 422)
                #expect(absent.code == "cgroup-parent-missing")
                #expect(absent.pointers == ["/cgroupParent"])
                #expect(Census.cgroups(of: missing) == [])
                let living = try client.createPod("other", "{}")
                for ours in [
                    daemon.cgroupParent, "\(daemon.cgroupParent)/\(living.uid)/pod",
                    "/x/\(daemon.mark)-\(living.uid)/task-app",
                ] {
                    let answer = try put(#""cgroupParent": "\#(ours)""#)
                    #expect(answer.status == 422, "\(ours)")
                    #expect(answer.pointers == ["/cgroupParent"], "\(ours)")
                }
                let parent = try ForeignParent(.everywhere, daemon)
                let limits = #""cgroupParent": "\#(parent.path)", "resources": {"pids": 9}"#
                #expect(try put(limits).pointers == ["/resources"])
                #expect(try client.createPod("web", parent.pod(daemon.rootfs)).status == 201)
                let patch = try client.send(
                    "PATCH", "/v1/pods/web", #"{"resources": {"pids": 9}}"#)
                #expect(patch.status == 422)
                #expect(patch.pointers == ["/resources"])
            }
        }

        @Test(
            "others may kill everything in a cgroup parent and remove it, with the shim or without",
            arguments: [true, false])
        func killedByOthers(isShimKilled: Bool) throws {
            try withDaemon { daemon, client in
                let parent = try ForeignParent(.everywhere, daemon)
                let pod = try client.createPod("web", parent.pod(daemon.rootfs))
                if isShimKilled {
                    daemon.crash()
                    kill(pod.shimPID, SIGKILL)
                }
                try parent.removeAll()
                if isShimKilled { try daemon.start() }
                try eventually("the end of the task is seen") {
                    let task = try client.send("GET", "/v1/pods/web")["tasks", "app"]
                    guard task?["state"]?.string == "exited" else { return false }
                    #expect((task?["signal"]?.string == "KILL") != isShimKilled)
                    #expect(task?["exitUnknown"] == .bool(isShimKilled))
                    return true
                }
                let late = try client.send(
                    "PUT", "/v1/pods/web/tasks/late", daemon.rootfs.task("true"))
                #expect(late.code == (isShimKilled ? "pod-state" : "cgroup-parent-missing"))
                #expect(try client.deletePod("web").state == "succeeded")
                #expect(Census.cgroups(of: parent.path) == [], "it is not made again")
            }
        }

        /// What a daemon without its records finds.
        enum Loss: CaseIterable {
            case store, storeAndShim, storeShimAndFolder
        }

        @Test(
            "a pod below a cgroup parent is removed without its record, and no other cgroup is",
            arguments: Loss.allCases)
        func orphan(_ loss: Loss) throws {
            try withDaemon(["--audit-interval", "1"]) { daemon, client in
                let parent = try ForeignParent(.everywhere, daemon)
                let pod = try client.createPod("web", parent.pod(daemon.rootfs))
                daemon.crash()
                try Command.expect("sh", "-c", "rm \(daemon.runDirectory)/staunch.db*")
                if loss != .store {
                    kill(pod.shimPID, SIGKILL)
                    try eventually("the shim has ended") { !isRunning(Int64(pod.shimPID)) }
                }
                if loss == .storeShimAndFolder {
                    try Command.expect("rm", "-rf", daemon.folder(pod))
                    for place in Census.hierarchies {
                        try Command.run(
                            "find", "\(place)\(daemon.cgroupParent)/\(pod.uid)", "-depth", "-type",
                            "d", "-exec", "rmdir", "{}", "+")
                    }
                }
                let strangers = [
                    "other-\(pod.uid)", "\(daemon.mark)-\(pod.uid)0", "\(daemon.mark)x-\(pod.uid)",
                ].flatMap { name in parent.directories.map { "\($0)/\(name)" } }
                for stranger in strangers { try makeDirectory(stranger) }
                try daemon.start()
                try eventually("the task's processes and cgroups are gone") {
                    // A pod that still has a folder is lost first, and waits for its delete.
                    try client.send("DELETE", "/v1/pods/\(pod.uid)?allowMissing=true")
                    return !isRunning(Int64(pod.taskPID()))
                        && parent.cgroups(of: pod, nil, daemon).filter(exists) == []
                }
                for stranger in strangers {
                    #expect(exists(stranger))
                    try Command.expect("rmdir", stranger)
                }
            }
        }
    }
}

/// A cgroup of another program's.
final class ForeignParent {
    enum Kind: Sendable { case everywhere, notUnified }

    /// The kubelet of a hybrid host uses v1's hierarchies only.
    static let kinds: [Kind] =
        Controllers.areUnified || Controllers.hierarchy("/unified") == nil
        ? [.everywhere] : [.everywhere, .notUnified]

    let path: String
    /// Its directories, in the hierarchies that have it.
    let directories: [String]

    init(_ kind: Kind, _ daemon: Daemon) throws {
        path = Scenario.parent(of: daemon.rootfs)
        let top = String(path.dropLast("/pod".count))
        let hierarchies = Census.hierarchies.filter {
            kind == .everywhere || !exists($0 + "/cgroup.controllers")
        }
        directories = hierarchies.map { [path] in $0 + path }
        for directory in directories { try makeDirectory(directory) }
        // A new v1 cpuset has no processors.
        for hierarchy in hierarchies where exists("\(hierarchy)/cpuset.cpus") {
            for file in ["cpuset.cpus", "cpuset.mems"] {
                let value = try #require(text(of: "\(hierarchy)/\(file)"))
                for place in [top, path] { try write(value, to: "\(hierarchy)\(place)/\(file)") }
            }
        }
        daemon.removals.append { [self] in
            Issue.recordFailure {
                try removeAll()
                for directory in Census.cgroups(of: top).sorted(by: >) {
                    try Command.expect("rmdir", directory)
                }
            }
        }
    }

    func pod(_ rootfs: Rootfs, script: String = "echo up; exec sleep 100000") -> String {
        rootfs.pod(script, podMore: #""cgroupParent": "\#(path)""#)
    }

    /// The cgroups of a task, or of the whole pod, in the hierarchies that have the parent.
    func cgroups(of pod: Answer, _ task: String?, _ daemon: Daemon) -> [String] {
        directories.map { "\($0)/\(daemon.mark)-\(pod.uid)" + (task.map { "/task-\($0)" } ?? "") }
    }

    /// The task is in each of the hierarchies that have the parent, and in a cgroup of the daemon's
    /// in the others. Nothing else of the pod is in the parent.
    func expectHolds(_ task: String, of pod: Answer, _ daemon: Daemon) throws {
        let pid = pod.taskPID(task)
        for cgroup in cgroups(of: pod, task, daemon) {
            #expect(members(of: cgroup) == [pid], "\(cgroup)")
            #expect(daemon.census().names.contains("cgroup \(cgroup)"))
        }
        for hierarchy in Census.hierarchies where !directories.contains(hierarchy + path) {
            #expect(!exists(hierarchy + path))
            let own = "\(hierarchy)\(daemon.cgroupParent)/\(pod.uid)/pod/task-\(task)"
            #expect(members(of: own) == [pid], "\(own)")
        }
        try eventually("the log writer is in a cgroup of the daemon's") {
            let log = "\(daemon.cgroupParent)/\(pod.uid)/pod/log-\(task)"
            return Census.cgroups(of: log).contains { !members(of: $0).isEmpty }
        }
    }

    private func members(of cgroup: String) -> [Int32] {
        (text(of: cgroup + "/cgroup.procs") ?? "").split(separator: "\n").compactMap { Int32($0) }
    }

    func expectEmpty() {
        for directory in directories {
            #expect(exists(directory))
            #expect(
                Census.cgroups(of: path).filter { $0 != directory }.allSatisfy(directories.contains)
            )
        }
    }

    /// Does what the kubelet does: kills all processes, and removes the cgroups with their parent.
    func removeAll() throws {
        try eventually("the parent is gone") {
            for pid in Census.processes(in: path) { kill(pid, SIGKILL) }
            for directory in Census.cgroups(of: path).sorted(by: >) {
                // SAFETY: rmdir reads the path only during the call.
                unsafe rmdir(directory)
            }
            return Census.cgroups(of: path) == []
        }
    }
}

extension Daemon {
    /// The mark in the names of the daemon's objects outside of its own places.
    var mark: String {
        String(cgroupParent.dropFirst().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }
}
