// A daemon for one test: its directories, its cgroup parent, its end.

import Census
import Foundation
import Glibc
import JSON
import Synchronization
import Testing

private let counter = Mutex(0)

final class Daemon {
    /// All that this daemon and its pods may ever touch is below `home` and in `cgroupParent`.
    let home: String
    let cgroupParent: String
    let rootfs: Rootfs
    private var process: Process?
    var arguments: [String]
    /// The directory of the programs.
    private let bin: String
    /// Kills, stops or fails the programs at their failpoints; `nil` for programs without them.
    let plan: Plan?
    /// Heals the faults that a test made, also if the test failed half-way, before the last
    /// deletes.
    var heals: [() -> Void] = []
    /// Removes what a test placed below `home` (mounts, devices), after the daemon's end and in
    /// reverse order.
    var removals: [() -> Void] = []

    /// Additional environment variables of the daemon.
    var environment: [String: String] = [:]

    /// The names of the directories below `home`.
    var (runName, dataName, logName) = ("run", "data", "log")
    var runDirectory: String { "\(home)/\(runName)" }
    var dataDirectory: String { "\(home)/\(dataName)" }
    var logDirectory: String { "\(home)/\(logName)" }
    var socket: String { heldAPI?.path ?? runDirectory + "/staunch.sock" }
    /// The path as the kernel shows it, with links resolved.
    var realSocket: String { URL(filePath: socket).resolvingSymlinksInPath().path }
    /// The program that starts the daemon in our place, and the socket that it passes
    /// (ServiceManager.swift).
    var launcher: [String] = []
    /// The program of each new shim.
    var shim: String
    /// The network namespace of the daemon; `nil` for the machine's own.
    var network: HostNetwork?
    /// Its networks of plugins.
    var pluginNetwork: PluginNetwork?
    var heldAPI: HeldListener?
    var pid: Int32 { process?.processIdentifier ?? 0 }
    var isRunning: Bool { process?.isRunning ?? false }
    var marks: Census.Marks { marks() }

    func marks(daemonToo: Bool = false) -> Census.Marks {
        Census.Marks(
            runDirectory: runDirectory, dataDirectory: dataDirectory, logDirectory: logDirectory,
            cgroupParent: cgroupParent, also: [home], hostNetwork: false,
            pluginRules: network != nil, daemonToo: daemonToo)
    }

    init(_ arguments: [String] = [], hasFailpoints: Bool = false) throws {
        let number = counter.withLock { value -> Int in
            value += 1
            return value
        }
        let name = "staunch-test-\(getpid())-\(number)"
        home = "/tmp/" + name
        cgroupParent = "/" + name
        self.arguments = arguments
        try makeDirectory(home)
        rootfs = try Rootfs(below: home)
        bin = hasFailpoints ? Installation.failpoints : Installation.bin
        shim = bin + "/staunch-shim"
        plan = hasFailpoints ? try Plan(in: home + "/points") : nil
    }

    func client() -> Client { Client(socket) }

    /// Starts the daemon, and waits until it accepts mutations.
    func start() throws {
        try launch()
        try eventually("the daemon is ready", within: 10) {
            guard isRunning else { throw Broken("the daemon ended:\n\(log)") }
            return isReady
        }
    }

    /// Starts the daemon, and does not wait.
    func launch() throws {
        let process = Process()
        // Started through env, which becomes the daemon. A preloaded library may change the
        // environment, and Swift then finds no arguments.
        let words =
            (network?.launcher ?? []) + (launcher.isEmpty ? ["/usr/bin/env"] : launcher) + [
                bin + "/staunchd", "--run-dir", runDirectory, "--data-dir", dataDirectory,
                "--log-dir", logDirectory, "--cgroup-parent", cgroupParent, "--shim", shim,
            ] + (arguments.contains("--metrics-listen") ? [] : ["--metrics-listen", "off"])
            + arguments
        process.executableURL = URL(fileURLWithPath: words[0])
        process.arguments = Array(words.dropFirst())
        let inherited = plan?.environment ?? ProcessInfo.processInfo.environment
        process.environment = inherited.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardError = try appending(home + "/staunchd.log")
        try process.run()
        self.process = process
    }

    var log: String { text(of: home + "/staunchd.log") ?? "" }

    var isReady: Bool { answers("/readyz") }

    /// Whether the daemon reports success on this path.
    func answers(_ path: String) -> Bool {
        do {
            let wire = try Wire(path: socket, timeout: 5)
            try wire.send("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return try wire.receive()?.status == 200
        } catch { return false }
    }

    func crash() { end(by: SIGKILL) }

    func terminate() { end(by: SIGTERM) }

    private func end(by signal: Int32) {
        guard let process, process.isRunning else { return }
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        self.process = nil
    }

    func crashAndRestart() throws {
        crash()
        try start()
    }

    /// Nothing of this daemon stays, even if the test failed.
    func putAway() {
        plan?.disarm()
        for heal in heals { heal() }
        if process?.isRunning != true {
            do { try start() } catch { Issue.record("no last start: \(error)") }
        }
        do { try deleteEverything() } catch { Issue.record("pods stayed: \(error)\n\(log)") }
        terminate()
        // Only processes in our own cgroups, so nothing of other owners. There should be none.
        for pid in Census.processes(in: cgroupParent) where pid != getpid() { kill(pid, SIGKILL) }
        do {
            try eventually("the run directory is no mount") {
                // A helper of the daemon runs a program from there, and ends a moment later.
                try Command.run("umount", runDirectory)
                return try Command.run("mountpoint", "-q", runDirectory).status != 0
            }
            try eventually("the cgroups are gone", within: 5) {
                removeCgroups(of: cgroupParent)
                return Census.cgroups(of: cgroupParent).isEmpty
            }
            for remove in removals.reversed() { remove() }
            try Command.run("rm", "-rf", "--one-file-system", home)
        } catch { Issue.record("not put away: \(error)") }
    }

    /// A network is deleted after its pods, also if the daemon would keep it a while.
    func deleteEverything() throws {
        let client = client()
        try deletePods(client)
        let networks = try client.send("GET", "/v1/networks?limit=1000")["items"]?.elements ?? []
        let bridges = networks.filter { $0["mode"]?.string == "bridge" }
        for name in bridges.compactMap({ $0["name"]?.string }) {
            let answer = try client.send("DELETE", "/v1/networks/\(name)?allowMissing=true")
            guard answer.status != 204 else { continue }
            #expect(try client.follow(answer.id).state == "succeeded", "\(answer.reply.text)")
        }
    }

    private func deletePods(_ client: Client) throws {
        var operations: [String] = []
        let pods = try client.send("GET", "/v1/pods?limit=1000")["items"]?.elements ?? []
        for name in pods.compactMap({ $0["name"]?.string }) {
            let answer = try client.send("DELETE", "/v1/pods/\(name)?grace=0")
            // A create that failed after the list was read has removed the pod.
            if answer.code != "pod-unknown" { operations.append(answer.id) }
        }
        for operation in operations {
            let answer = try client.follow(operation)
            #expect(answer.state == "succeeded", "\(answer.reply.text)")
        }
    }

    private func appending(_ path: String) throws -> FileHandle {
        if !exists(path) { try write("", to: path) }
        guard let handle = FileHandle(forWritingAtPath: path) else { throw Broken("no \(path)") }
        try handle.seekToEnd()
        return handle
    }
}

/// Removes every directory below `parent` and `parent` itself, leaves first, in every hierarchy.
private func removeCgroups(of parent: String) {
    for path in Census.cgroups(of: parent).sorted(by: >) {
        // SAFETY: rmdir reads the path only during the call.
        unsafe rmdir(path)
    }
}

/// Runs `body` with a ready daemon, and puts everything away after it. Nothing of its pods may be
/// left: the census after the last delete equals the census before the first create.
func withDaemon(
    _ arguments: [String] = [], hasFailpoints: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation, setUp: (Daemon) throws -> Void = { _ in },
    _ body: (Daemon, Client) throws -> Void
) throws {
    let daemon = try Daemon(arguments, hasFailpoints: hasFailpoints)
    defer { daemon.putAway() }
    try setUp(daemon)
    try daemon.start()
    // The kernel does not return its list of sockets atomically. So look until the list contains
    // ours.
    var before = daemon.census()
    var held = daemon.held
    try eventually("the census sees the daemon's socket, and nothing of its start") {
        // The daemon's first check of the disks runs in a helper, and ends soon.
        guard daemon.children().isEmpty else { return false }
        before = daemon.census()
        held = daemon.held
        // What its helpers at the start were is taken a moment later. Before its exec, a helper has
        // the name of the thread that made it.
        return before.names.contains("socket \(daemon.realSocket)")
            && !before.names.contains { $0.hasPrefix("process ") && $0.hasSuffix(" loop") }
            && !held.contains { $0.hasPrefix("daemon zombie ") } && daemon.children().isEmpty
    }
    #expect(!before.names.contains { $0.hasPrefix("unreadable ") }, "\(before.names.sorted())")
    do { try body(daemon, daemon.client()) } catch {
        Issue.record("\(error)\n\(daemon.log.suffix(4000))", sourceLocation: sourceLocation)
        throw error
    }
    try daemon.expectNothingLeft(since: before, sourceLocation: sourceLocation)
    try daemon.expectHolds(held, sourceLocation: sourceLocation)
}

extension Daemon {
    /// The census of the machine, in the daemon's network namespace.
    func census(daemonToo: Bool = false) -> Census {
        let marks = marks(daemonToo: daemonToo)
        return network?.census(marks) ?? Census(marks)
    }

    /// What the daemon itself has open, by kind.
    var held: Set<String> {
        census(daemonToo: true).names.filter { $0.hasPrefix("daemon ") }
    }

    /// The daemon closes a pod's descriptors a moment after it announces the pod's end.
    func expectHolds(_ before: Set<String>, sourceLocation: SourceLocation) throws {
        #expect(
            !before.isEmpty, "the census does not see the daemon", sourceLocation: sourceLocation)
        try eventually("the daemon has open what it had", sourceLocation: sourceLocation) {
            held == before
        }
    }

    /// Deletes what the test left alive. Then the machine must be as it was.
    func expectNothingLeft(since before: Census, sourceLocation: SourceLocation) throws {
        try deleteEverything()
        // Everything must be gone at once. Only the list of sockets may lack an existing one, so a
        // difference there is looked at again: a leak stays.
        var after = try censusBetweenLooks()
        for _ in 0..<100 where after.differsOnlyInSockets(from: before) {
            Thread.sleep(forTimeInterval: 0.02)
            after = census()
        }
        #expect(
            after == before, "\(after.difference(from: before))", sourceLocation: sourceLocation)
        let audit = try client().send("GET", "/v1/audit?fresh=true")
        #expect(
            audit["balanced"] == .bool(true), "\(audit.reply.text)", sourceLocation: sourceLocation)
    }
}

extension Daemon {
    /// The daemon looks at the host now and then with helpers that belong to no pod. The census is
    /// taken while no such helper exists. It does not wait for a pod's helper, which is in the
    /// pod's cgroup.
    private func censusBetweenLooks() throws -> Census {
        var last = census()
        try eventually("the daemon's own looks at the host end") {
            guard lookers().isEmpty else { return false }
            last = census()
            return lookers().isEmpty
        }
        return last
    }

    private func lookers() -> [Int32] {
        children().filter { pid in
            !(text(of: "/proc/\(pid)/cgroup") ?? "").contains(cgroupParent + "/")
        }
    }
}

extension Census.Marks {
    /// All that is below `home`. The host's network is left out, because others use it. The
    /// daemon's open descriptors are compared at a test's end.
    init(
        home: String, cgroupParent: String, bindSources: [String] = [], hostNetwork: Bool = false,
        daemonToo: Bool = false
    ) {
        self.init(
            runDirectory: home + "/run", dataDirectory: home + "/data",
            logDirectory: home + "/log", cgroupParent: cgroupParent, also: [home],
            bindSources: bindSources, hostNetwork: hostNetwork, daemonToo: daemonToo)
    }
}
