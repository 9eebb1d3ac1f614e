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
    @Test("the hierarchies are those that the kernel has mounted, each once")
    func hierarchies() throws {
        let hierarchies = try Cgroups.hierarchies()
        #expect(Set(hierarchies.map(\.mountPoint)).count == hierarchies.count)
        #expect(hierarchies.filter(\.isUnified).count <= 1)
        let known = try Files.text("/proc/self/cgroup").split(separator: "\n").count
        #expect(hierarchies.count == known)
    }

    @Test("who joins is in it in every hierarchy; it dies, and the cgroup goes")
    func life() async {
        await #expect(processExitsWith: .success) {
            let ground = try Host()
            let sleeper = try ground.sleeper(ground.cgroup)
            let joined = ground.cgroup.hierarchies.filter { !$0.has("cpuset") }
            let places = try #require(ProcFS.cgroups(of: sleeper.pid))
            try #require(places.filter { $0 == ground.cgroup.path }.count == joined.count)
            try #require(try ground.cgroup.directories().count == joined.count)
            try #require(try ground.cgroup.processes() == [sleeper.pid])

            let failure = errorNumber { () throws(SystemCallFailure) in
                try ground.cgroup.remove()
            }
            try #require(failure == EBUSY, "somebody is in it yet")
            try #require(try ground.cgroup.processes() == [sleeper.pid])

            try ground.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try #require(try ground.cgroup.processes() == [], "a zombie holds nothing")
            try ground.removeAll()
        }
    }

    @Test("those below it are seen, killed and removed with it; a neighbour is not")
    func below() async {
        await #expect(processExitsWith: .success) {
            let ground = try Host()
            let neighbour = Cgroup(
                path: ground.cgroup.path + "-neighbour", hierarchies: ground.cgroup.hierarchies)
            try ground.makeEverywhere(ground.below("task-a/deeper"))
            // Cgroups that a task's own init would make in its cgroup.
            try ground.makeEverywhere(ground.below("task-a/init.scope/a_b"))
            let first = try ground.sleeper(ground.below("task-a/deeper"))
            let second = try ground.sleeper(ground.below("task-b"))
            let third = try ground.sleeper(ground.below("task-a/init.scope/a_b"))
            let stranger = try ground.sleeper(neighbour)
            try #require(try ground.cgroup.processes() == [first.pid, second.pid, third.pid])

            try ground.cgroup.kill()
            try #require(try eventually { try ground.cgroup.processes().isEmpty })
            try ground.removeAll()
            try #require(try neighbour.processes() == [stranger.pid])
            try neighbour.kill()
            try #require(eventually { (try? neighbour.remove()) != nil })
        }
    }

    @Test(
        "however a task names its cgroups, and however deep they are, all of it is seen and goes",
        arguments: CgroupTests.chains)
    func anyChild(_ chain: Chain) async {
        await #expect(processExitsWith: .success) { [chain] in
            let ground = try Host()
            let sleeper = try ground.sleeper(ground.cgroup)
            for hierarchy in ground.cgroup.hierarchies where !hierarchy.has("cpuset") {
                try chain.make(in: hierarchy.directory(ground.cgroup.path))
                try Files.writeControlFile("cgroup.procs", "\(sleeper.pid)")
            }
            _ = unsafe chdir("/")
            try #require(try ground.cgroup.processes() == [sleeper.pid])
            try ground.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try ground.removeAll()
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

    @Test("a process that hides behind its name is seen, and killed", arguments: ProcessTests.names)
    func anyName(name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let ground = try Host()
            let sleeper = try ground.sleeper(ground.cgroup, named: name)
            try #require(try ground.cgroup.processes() == [sleeper.pid])
            try ground.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try ground.removeAll()
        }
    }

    @Test("a frozen process is thawed, and dies", .enabled(if: hasFreezer))
    func frozen() async {
        await #expect(processExitsWith: .success) {
            let ground = try Host()
            let task = ground.below("task-a")
            let sleeper = try ground.sleeper(task)
            let hierarchy = try #require(task.hierarchies.first { $0.has("freezer") })
            let state = hierarchy.directory(task.path) + "/freezer.state"
            try Files.writeControlFile(state, "FROZEN")
            try #require(try eventually { try Files.text(state) == "FROZEN\n" })
            Children.signal(sleeper.pid, SIGKILL)
            usleep(100_000)
            try #require(
                try ground.cgroup.processes() == [sleeper.pid],
                "a signal alone must not be enough, or this proves nothing")

            try ground.cgroup.kill()
            try #require(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
            try ground.removeAll()
        }
    }

    @Test("what is not there has nobody in it, and goes without a fault")
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
