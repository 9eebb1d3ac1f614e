// staunch-churn as its users run it: its output, its exit status, and what it leaves.

import Census
import Foundation
import JSON
import Testing

extension Machine {
    @Suite(.needsDaemon) struct ChurnProgram {
        @Test("a run with kills passes, and writes its figures and a page")
        func run() throws {
            try withRun(
                "--pods", Installation.isDeep ? "2000" : "60", "--kill", "daemon", "--every", "1",
                "--kill", "shim", "--every", "1", "--kill", "runc", "--every", "1"
            ) { run in
                let result = run.finish()
                // No daemon lives long enough to show growth, and the check is not "passed".
                #expect(result.status == 2, "\(result.output)")
                #expect(result.output.contains("unseen daemon's memory flat: no daemon was"))
                #expect(!result.output.contains("FAILED"))
                #expect(result.output.contains("ok     left on the machine: 0\n"))
                let document = try run.document()
                #expect(document["good"] == .bool(false))
                let target = document["targets"]?.elements?.first
                let failed = target?["failedByKill"]?.integer ?? 0
                let made = target?["pods"]?.integer ?? 0
                #expect(made + failed == (Installation.isDeep ? 2000 : 60))
                #expect(text(of: run.report)?.hasSuffix("</html>\n") == true)
            }
        }

        @Test(
            "execs, followed logs and restarts pass with kills, and are counted",
            arguments: [["--exec", "4", "--follow"], ["--restart", "20"]])
        func series(_ arguments: [String]) throws {
            let kills = ["--kill", "daemon", "--every", "2", "--kill", "shim", "--every", "3"]
            try withRun(["--pods", "24"] + arguments + kills) { run in
                let result = run.finish()
                #expect(result.status == 2, "\(result.output)")
                #expect(!result.output.contains("FAILED"))
                let target = try run.document()["targets"]?.elements?.first
                let counted = arguments.contains("--follow") ? ["execs", "lines"] : ["attempts"]
                for name in counted {
                    #expect(target?[name]?.integer ?? 0 > 60, "\(name): \(result.output)")
                }
                let kinds =
                    arguments.contains("--follow")
                    ? ["execs", "lines followed"] : ["exits of attempts"]
                for kind in kinds {
                    for fault in ["lost", "doubled", "untrue"] {
                        #expect(result.output.contains("ok     \(kind) \(fault): 0 of "))
                    }
                }
            }
        }

        @Test("remaining objects are named, and the run exits with 1")
        func namesWhatIsLeft() throws {
            try withRun("--for", "3") { run in
                try eventually("pods come and go") { run.output.contains("pods") }
                try eventually("there is a data directory") { exists(run.home + "/data") }
                try write("", to: run.home + "/data/forgotten")
                let result = run.finish()
                #expect(result.status == 1)
                #expect(result.output.contains("FAILED left on the machine: 1\n"))
                #expect(result.output.contains("+ file \(run.home)/data/forgotten\n"))
            }
        }

        @Test(
            "Ctrl-C, once or twice, ends the run in order, and the table is printed",
            arguments: [1, 2])
        func interrupted(_ times: Int) throws {
            try withRun("--for", "600", "--hold", times == 2 ? "300" : "0", "--disk-pressure") {
                run in
                try eventually("pods are there") {
                    !names(in: run.home + "/run/pods").isEmpty
                }
                for _ in 0..<times {
                    run.interrupt()
                    Thread.sleep(forTimeInterval: 0.2)
                }
                let took = try seconds { try run.waitForEnd(within: 30) }
                #expect(took < 30)
                let result = run.finish()
                #expect(result.output.contains("target   pods"))
                #expect(result.output.contains("ended early: "))
                #expect(result.output.contains("ok     left on the machine: 0\n"))
            }
        }

        @Test("a running daemon is used, by clients that hang up and ask again")
        func foreignDaemon() throws {
            try withDaemon { daemon, client in
                try withRun(
                    "--socket", daemon.socket, "--pods", "20", "--patience", "0.02"
                ) { run in
                    let result = run.finish()
                    #expect(result.status == 2, "\(result.output)")
                    #expect(result.output.contains("unseen left on the machine: no census\n"))
                    #expect(result.output.contains(" 0 failed, "))
                }
                #expect(try client.send("GET", "/v1/pods")["items"]?.elements == [])
            }
        }

        @Test("a daemon that exits for good ends the run, with a message")
        func daemonGoesAway() throws {
            try withDaemon { daemon, client in
                try withRun("--socket", daemon.socket, "--for", "600", "--lost-after", "2") { run in
                    try eventually("pods come") {
                        try client.send("GET", "/v1/pods")["items"]?.elements?.isEmpty == false
                    }
                    daemon.crash()
                    let result = run.finish()
                    #expect(result.status == 1)
                    #expect(result.output.contains("no server answers for 2"))
                    #expect(result.output.contains("target   pods"))
                }
                try daemon.start()
            }
        }

        @Test(
            "bad input gives one line at the start, and no process is left",
            arguments: [
                (["--network", "vlan"], "must be none, host, bridge or cni"),
                (["--spec", "/nowhere"], "ENOENT"),
                (["--spec", "/etc/passwd"], "is no JSON"),
                (["--socket", "/nowhere.sock"], "no server answers"),
                (["--socket", "/dev/null", "--kill", "shim", "--every", "1"], "--socket cannot"),
                (["--kill", "daemon"], "come in pairs"),
                (["--kill", "init", "--every", "1"], "must be daemon, shim, runc or any"),
                (["--target", "docker"], "must be staunch, podman or runc"),
                (["--for", "soon"], "must be a time"),
                (["--for", "1m", "--pods", "3"], "give one of them"),
                (["--clients", "0"], "must be from 1"),
                (["--exec", "20000"], "--exec 20000: it must be from 0"),
                (["--restart", "3", "--exec", "1"], "neither exec nor follow"),
                (["--restart", "3", "--follow"], "neither exec nor follow"),
                (["--follow", "--target", "runc"], "need the target staunch"),
                (["--dir", "/nowhere"], "--dir"),
                (["--bin", "/nowhere"], "scripts/build makes it"),
                (["--report", "/nowhere/x.html"], "--report"),
            ])
        func badInput(_ arguments: [String], _ said: String) throws {
            try expectRefusal(arguments, said)
        }

        @Test(
            "a missing program is named",
            arguments: [("fio", "--disk-pressure"), ("podman", "--target podman")])
        func notInstalled(_ program: String, _ option: String) throws {
            try withHome { home in
                for other in ["busybox", "runc", "conmon"] {
                    try Command.run("ln", "-s", "/usr/bin/\(other)", "\(home)/\(other)")
                }
                try Command.run("ln", "-sf", "/usr/sbin/runc", "\(home)/runc")
                let words = option.split(separator: " ").map(String.init)
                try expectRefusal(words, program, environment: "PATH=\(home)")
            }
        }

        @Test("a disk without room for the disk load is refused")
        func noRoom() throws {
            try withHome { home in
                try Command.run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", home)
                defer { Issue.recordFailure { try Command.run("umount", home) } }
                try expectRefusal(["--disk-pressure", "--dir", home], "are free")
                #expect(names(in: home) == [])
            }
        }

        private func expectRefusal(
            _ arguments: [String], _ said: String, environment: String = "LANG=C"
        ) throws {
            let before = names(in: "/var/tmp").filter { $0.hasPrefix("staunch-churn-") }
            let result = try Command.run(
                ["env", environment, Installation.churn] + arguments)
            #expect(result.status == 1)
            #expect(result.output.hasPrefix("staunch-churn: "), "\(result.output)")
            #expect(result.output.contains(said), "\(result.output)")
            #expect(result.output.split(separator: "\n").count == 1, "\(result.output)")
            let after = names(in: "/var/tmp").filter { $0.hasPrefix("staunch-churn-") }
            #expect(after == before)
        }
    }
}

private func withHome(_ body: (String) throws -> Void) throws {
    let home = "/tmp/staunch-test-churn-\(getpid())"
    try makeDirectory(home)
    defer { Issue.recordFailure { try Command.run("rm", "-rf", "--one-file-system", home) } }
    try body(home)
}

/// A run in progress, with directories of its own.
final class ChurnRun {
    let home: String
    let report: String
    private let directory: String
    private let process: Process
    private let log: String

    init(_ arguments: [String]) throws {
        directory = "/tmp/staunch-test-churn-\(getpid())"
        try makeDirectory(directory)
        report = directory + "/report.html"
        log = directory + "/output"
        try write("", to: log)
        process = Process()
        process.executableURL = URL(fileURLWithPath: Installation.churn)
        process.arguments =
            ["--dir", directory, "--json", directory + "/figures.json", "--report", report]
            + arguments
        let output = FileHandle(forWritingAtPath: log)
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        try process.run()
        home = "\(directory)/staunch-churn-\(process.processIdentifier)"
    }

    var output: String { text(of: log) ?? "" }

    func document() throws -> JSONValue {
        try JSONValue.parse(Array((text(of: directory + "/figures.json") ?? "").utf8))
    }

    func interrupt() { kill(process.processIdentifier, SIGINT) }

    func waitForEnd(within limit: Double) throws {
        try eventually("the run ends", within: limit) { !process.isRunning }
    }

    func finish() -> Command.Result {
        process.waitUntilExit()
        return Command.Result(status: process.terminationStatus, output: output)
    }

    /// Checks that the run cleaned up after itself, and removes its directory.
    func putAway() throws {
        if process.isRunning { process.terminate() }
        process.waitUntilExit()
        let parent = "/staunch-churn-\(process.processIdentifier)"
        let left = Set(Census.cgroups(of: parent) + Census.cgroups(of: parent + ".own"))
        #expect(left == [])
        #expect(!exists(home))
        try Command.run("rm", "-rf", "--one-file-system", directory)
    }
}

private func withRun(_ arguments: String..., body: (ChurnRun) throws -> Void) throws {
    try withRun(arguments, body: body)
}

private func withRun(_ arguments: [String], body: (ChurnRun) throws -> Void) throws {
    let run = try ChurnRun(arguments)
    defer { Issue.recordFailure { try run.putAway() } }
    try body(run)
}
