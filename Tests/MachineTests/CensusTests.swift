// The census is trusted because tests show that it sees one of each kind, and nothing of other
// owners.

import Census
import Foundation
import Testing

extension Machine {
    @Suite struct CensusInstrument {
        let home = "/tmp/staunch-test-census-\(getpid())"
        var marks: Census.Marks {
            Census.Marks(
                home: home, cgroupParent: "/staunch-test-census-\(getpid())",
                bindSources: [home + "/bound"], hostNetwork: true)
        }

        /// Makes a home with a daemon's entries for the duration of `body`.
        private func withHome(_ body: () throws -> Void) throws {
            for name in ["run/mount", "data", "log", "bound"] {
                try makeDirectory("\(home)/\(name)")
            }
            try write("as it was", to: home + "/bound/canary")
            try setTime(of: home + "/bound/canary")
            defer { Issue.recordFailure { try Command.run("rm", "-rf", home) } }
            try body()
        }

        @Test("the census sees one object of each kind", arguments: Plant.allCases)
        func sees(_ plant: Plant) throws {
            try withHome {
                let before = Census(marks)
                #expect(!before.names.contains { $0.hasPrefix("unreadable ") })
                let uproot = try plant.plant(home, marks.cgroupParent)
                defer { Issue.recordFailure(uproot) }
                var came: [String] = []
                try eventually("the census sees a \(plant)", within: 5) {
                    came = Census(marks).changes(since: before).came
                    return plant.lines(home).allSatisfy { line in
                        came.contains { $0.contains(line) }
                    }
                }
                if plant == .cgroup { #expect(came.count == plant.lines(home).count, "\(came)") }
                try uproot()
                try eventually("it is as before", within: 5) { Census(marks) == before }
            }
        }

        @Test("an unchanged machine has the same census")
        func isStill() { #expect(Census(marks) == Census(marks)) }

        @Test("the census omits objects of others, even if their names resemble ours")
        func passesOver() throws {
            try withHome {
                let before = Census(marks)
                let other = home + "-other"
                let uproot = try Plant.process.plant(other, marks.cgroupParent + "-other")
                defer { Issue.recordFailure(uproot) }
                try makeDirectory(other + "/run")
                let cgroups = Census.hierarchies.map { $0 + marks.cgroupParent + "-other" }
                for cgroup in cgroups { try makeDirectory(cgroup) }
                let after = Census(marks)
                for cgroup in cgroups { try Command.run("rmdir", cgroup) }
                try Command.run("rm", "-rf", other)
                #expect(after == before, "\(after.difference(from: before))")
            }
        }

        @Test("a file that a pipe replaces under the same number is on no detached mount")
        func passesOverReplacedDescriptors() throws {
            try withHome {
                let loop = "while :; do exec 9</dev/null 9<&0; done"
                let (shell, _) = try Command.prepared(["sh", "-c", loop, home + "/"])
                shell.standardInput = Pipe()
                try shell.run()
                defer {
                    kill(shell.processIdentifier, SIGKILL)
                    shell.waitUntilExit()
                }
                for _ in 0..<60 {
                    let detached = Census(marks).names.filter { $0.contains("descriptor 9") }
                    #expect(detached.isEmpty)
                }
            }
        }

        /// The best of several runs, because other tests share the machine. A census takes some 10
        /// ms.
        @Test("a census takes less than 100 ms")
        func isQuick() throws {
            try withHome {
                let best = (0..<5).map { _ in seconds { _ = Census(marks) } }.min() ?? .infinity
                #expect(best < 0.1)
            }
        }

        @Test("the daemon's own descriptors are counted, and its clients are not", .needsDaemon)
        func countsTheDaemon() throws {
            try withDaemon { daemon, client in
                let before = daemon.held
                #expect(before.contains { $0.hasPrefix("daemon descriptors epoll ") })
                let wire = try Wire(path: daemon.socket, timeout: 5)
                _ = try client.send("GET", "/healthz")
                #expect(daemon.held == before)
                _ = try client.createPod("web", daemon.rootfs.sleeper)
                let came = daemon.held.subtracting(before)
                #expect(came.contains { $0.hasPrefix("daemon descriptors socket ") }, "\(came)")
                _ = consume wire
            }
        }

        @Test("staunch-census lists and compares, and its exit code tells the result")
        func program() throws {
            try withHome {
                let file = home + "/census.json"
                let places = [
                    "--run-dir", home + "/run", "--data-dir", home + "/data", "--log-dir",
                    home + "/log", "--cgroup-parent", marks.cgroupParent, "--no-host-network",
                    "--bind", home + "/bound",
                ]
                func census(_ words: String...) throws -> Command.Result {
                    try Command.run([Installation.census] + places + words)
                }
                let first = try census("--json", file)
                #expect(first.status == 0)
                #expect(first.output.contains("\nfile \(home)/run/mount\n"), "\(first.output)")
                #expect(try census("--since", file) == Command.Result(status: 0, output: ""))
                try makeDirectory(home + "/run/new")
                try write("damaged!!", to: home + "/bound/canary")
                let second = try census("--since", file)
                #expect(second.status == 1)
                let signs = second.output.split(separator: "\n").map { $0.prefix(6) }
                #expect(signs == ["+ bind", "+ file", "- bind"], "\(second.output)")
                // If something could be read neither then nor now, the census cannot say that all
                // is as before.
                let blind = ["--bind", home + "/none"]
                let other = home + "/blind.json"
                #expect(
                    try Command.run([Installation.census] + places + blind + ["--json", other])
                        .status == 0)
                let third = try Command.run(
                    [Installation.census] + places + blind + ["--since", other])
                #expect(third.status == 2 && third.output.contains("unreadable \(home)/none"))
                // A census of other places is not compared. A missing census is reported, and
                // nothing is guessed.
                #expect(try census("--since", file, "--host-network").status == 2)
                try write("{}", to: file)
                #expect(try census("--since", file).status == 2)
                #expect(try census("--since", home + "/none").output.contains("ENOENT"))
            }
        }
    }
}

/// Sets a whole second, so that the time can be set again.
func setTime(of path: String) throws {
    let time = Date(timeIntervalSince1970: 1_700_000_000)
    try FileManager.default.setAttributes([.modificationDate: time], ofItemAtPath: path)
}

extension Issue {
    /// For work on the way out: a failure there fails the test.
    static func recordFailure(_ body: () throws -> Void) {
        do { try body() } catch { record("not put away: \(error)") }
    }
}
