// A cgroup in every hierarchy of this host: joined, inspected, killed and removed.
//
// Each test is a process of its own, because joining moves the whole process.

import Foundation
import Glibc
import Kernel
import Linux
import Testing

/// A cgroup of this process alone, and the way back out of it.
private final class Host {
    let scratch: Scratch
    let cgroup: Cgroup
    private let home: [String: String]

    init() throws {
        scratch = try Scratch()
        let hierarchies = try Cgroups.hierarchies()
        try #require(!hierarchies.isEmpty)
        cgroup = Cgroup(path: "/staunch-unit-\(getpid())", hierarchies: hierarchies)
        home = try Host.places(hierarchies)
    }

    /// Cleans up what a failed test left.
    deinit {
        let directories = cgroup.hierarchies.map { $0.directory(cgroup.path) }
        _ = try? shell(
            """
            for name in \(directories.joined(separator: " ")); do for directory in $name $name-*; do
                [ -d "$directory" ] || continue
                find "$directory" -name freezer.state -exec sh -c 'echo THAWED >{}' ';'
                find "$directory" -name cgroup.procs -exec cat {} + | xargs -r kill -9
                sleep 0.1
                find "$directory" -depth -type d -exec rmdir {} +
            done; done
            """)
    }

    /// The cgroups of this process, by hierarchy.
    private static func places(_ hierarchies: [CgroupHierarchy]) throws -> [String: String] {
        let lines = try Files.text("/proc/self/cgroup").split(separator: "\n")
        var places: [String: String] = [:]
        for hierarchy in hierarchies {
            for line in lines {
                let fields = line.split(
                    separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                let names = fields[1].split(separator: ",").map(String.init)
                if Set(names) == Set(hierarchy.controllers) {
                    places[hierarchy.mountPoint] = String(fields[2])
                }
            }
        }
        return places
    }

    /// Starts a process in the cgroup. This process is back in its old cgroup afterwards.
    func sleeper(_ cgroup: Cgroup, named name: String = "sleep") throws -> Sleeper {
        try cgroup.join()
        let sleeper = try Sleeper(named: name, in: scratch)
        for (mountPoint, path) in home {
            try Files.writeControlFile("\(mountPoint)\(path)/cgroup.procs", "0")
        }
        return sleeper
    }

    func below(_ name: String) -> Cgroup {
        Cgroup(path: "\(cgroup.path)/\(name)", hierarchies: cgroup.hierarchies)
    }

    /// Makes the cgroup in v1's cpuset as well. Nothing joins it there, but runc also makes its
    /// cgroups there.
    func makeEverywhere(_ cgroup: Cgroup) throws {
        for hierarchy in cgroup.hierarchies {
            try Files.makeDirectories(hierarchy.directory(cgroup.path), mode: 0o755)
        }
    }

    func file(_ name: String, of controller: String) -> String? {
        cgroup.hierarchies.first { $0.has(controller) }.map { $0.directory(cgroup.path) + name }
    }

    func removeAll() throws {
        try #require(eventually { (try? cgroup.remove()) != nil })
        try #require(try cgroup.directories() == [])
    }
}

private let hasFreezer = (try? Cgroups.hierarchies().contains { $0.has("freezer") }) ?? false

@Suite struct CgroupTests {
    @Test("the hierarchies are the kernel's mounted ones, each once")
    func hierarchies() throws {
        let hierarchies = try Cgroups.hierarchies()
        #expect(Set(hierarchies.map(\.mountPoint)).count == hierarchies.count)
        #expect(hierarchies.filter(\.isUnified).count <= 1)
        let known = try Files.text("/proc/self/cgroup").split(separator: "\n").count
        #expect(hierarchies.count == known)
    }

    @Test("a process joins the cgroup in every hierarchy, is killed, and the cgroup is removed")
    func life() async {
        await #expect(processExitsWith: .success) {
            let host = try Host()
            let sleeper = try host.sleeper(host.cgroup)
            let joined = host.cgroup.hierarchies.filter { !$0.has("cpuset") }
            let places = try #require(ProcFS.cgroups(of: sleeper.pid))
            try #require(places.filter { $0 == host.cgroup.path }.count == joined.count)
            try #require(try host.cgroup.directories().count == joined.count)
            try #require(try host.cgroup.processes() == [sleeper.pid])

            let failure = errorNumber { () throws(SystemCallFailure) in
                try host.cgroup.remove()
            }
            try #require(failure == EBUSY, "a process is still in it")
            try #require(try host.cgroup.processes() == [sleeper.pid])

            try host.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try #require(try host.cgroup.processes() == [], "a zombie holds nothing")
            try host.removeAll()
        }
    }

    @Test("child cgroups are seen, killed and removed with their parent; a neighbour is not")
    func below() async {
        await #expect(processExitsWith: .success) {
            let host = try Host()
            let neighbour = Cgroup(
                path: host.cgroup.path + "-neighbour", hierarchies: host.cgroup.hierarchies)
            try host.makeEverywhere(host.below("task-a/deeper"))
            // Cgroups that a task's own init would make in its cgroup.
            try host.makeEverywhere(host.below("task-a/init.scope/a_b"))
            let first = try host.sleeper(host.below("task-a/deeper"))
            let second = try host.sleeper(host.below("task-b"))
            let third = try host.sleeper(host.below("task-a/init.scope/a_b"))
            let stranger = try host.sleeper(neighbour)
            try #require(try host.cgroup.processes() == [first.pid, second.pid, third.pid])

            try host.cgroup.kill()
            try #require(try eventually { try host.cgroup.processes().isEmpty })
            try host.removeAll()
            try #require(try neighbour.processes() == [stranger.pid])
            try neighbour.kill()
            try #require(eventually { (try? neighbour.remove()) != nil })
        }
    }

    @Test(
        "cgroups of any name and depth are seen and removed with their task",
        arguments: CgroupTests.chains)
    func anyChild(_ chain: Chain) async {
        await #expect(processExitsWith: .success) { [chain] in
            let host = try Host()
            let sleeper = try host.sleeper(host.cgroup)
            for hierarchy in host.cgroup.hierarchies where !hierarchy.has("cpuset") {
                try chain.make(in: hierarchy.directory(host.cgroup.path))
                try Files.writeControlFile("cgroup.procs", "\(sleeper.pid)")
            }
            _ = unsafe chdir("/")
            try #require(try host.cgroup.processes() == [sleeper.pid])
            try host.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try host.removeAll()
        }
    }

    /// Nested cgroups, all of the same name.
    struct Chain: Codable, CustomTestStringConvertible, Sendable {
        let name: [UInt8]
        var depth = 1
        var testDescription: String { "\(depth) of \(name.count) bytes, \(name.prefix(4))" }

        /// Leaves the process in the deepest cgroup.
        func make(in directory: String) throws {
            let isThere = unsafe chdir(directory) == 0
            try #require(isThere)
            let bytes = name.map { CChar(bitPattern: $0) } + [0]
            for _ in 0..<depth {
                let isMade = unsafe mkdir(bytes, 0o755) == 0 && chdir(bytes) == 0
                try #require(isMade)
            }
        }
    }

    static let chains = [
        // Not UTF-8. The second name would decode to the same text as the first.
        Chain(name: [0xff], depth: 3), Chain(name: [0xfe, 0x80]),
        // A combining mark, which would join with the slash before it.
        Chain(name: Array("\u{301}x".utf8), depth: 2),
        // Longer than any path may be.
        Chain(name: [UInt8](repeating: 0x61, count: 200), depth: 30),
    ]

    @Test("a process with a misleading name is seen and killed", arguments: ProcessTests.names)
    func anyName(name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let host = try Host()
            let sleeper = try host.sleeper(host.cgroup, named: name)
            try #require(try host.cgroup.processes() == [sleeper.pid])
            try host.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try host.removeAll()
        }
    }

    @Test("a frozen process is thawed and dies", .enabled(if: hasFreezer))
    func frozen() async {
        await #expect(processExitsWith: .success) {
            let host = try Host()
            let task = host.below("task-a")
            let sleeper = try host.sleeper(task)
            let hierarchy = try #require(task.hierarchies.first { $0.has("freezer") })
            let state = hierarchy.directory(task.path) + "/freezer.state"
            try Files.writeControlFile(state, "FROZEN")
            try #require(try eventually { try Files.text(state) == "FROZEN\n" })
            Children.signal(sleeper.pid, SIGKILL)
            usleep(100_000)
            try #require(
                try host.cgroup.processes() == [sleeper.pid],
                "a signal alone must not be enough, or this proves nothing")

            try host.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try host.removeAll()
        }
    }

    @Test("a missing cgroup has no process, and its removal succeeds")
    func absent() throws {
        let cgroup = Cgroup(
            path: "/staunch-unit-none-\(getpid())", hierarchies: try Cgroups.hierarchies())
        #expect(try cgroup.processes() == [])
        #expect(try cgroup.directories() == [])
        try cgroup.kill()
        try cgroup.remove()
        #expect(!cgroup.sawOutOfMemory())
    }
}
