// The exit file, and the arguments of a shim.

import Kernel
import ShimProtocol
import Testing

@Suite struct ExitFiles {
    @Test("an exit is read from its file unchanged", arguments: Samples.exits)
    func roundTrip(exit: TaskExit) throws {
        let content = exit.fileContent()
        #expect(content.count <= TaskExit.fileSize)
        let padding = [UInt8](repeating: 0, count: TaskExit.fileSize - content.count)
        #expect(try TaskExit.parse(fileContent: content + padding) == exit)
        #expect(try TaskExit.parse(fileContent: content) == exit)
    }

    @Test("an empty exit file contains no exit", arguments: [0, 1, TaskExit.fileSize])
    func nothingYet(size: Int) throws {
        let content = [UInt8](repeating: 0, count: size)
        #expect(try TaskExit.parse(fileContent: content) == nil)
    }

    @Test("a truncated exit file is a fault, and never another exit", arguments: Samples.exits)
    func truncated(exit: TaskExit) {
        let content = exit.fileContent()
        for count in 1..<content.count {
            #expect(throws: WireFault.self) {
                try TaskExit.parse(fileContent: Array(content.prefix(count)))
            }
        }
    }

    @Test(
        "an exit file of a wrong length is a fault", arguments: [1, 2, 13, 15, 64, 255] as [UInt8])
    func wrongLength(length: UInt8) {
        let exit = TaskExit(status: .signal(9), oomKilled: false, finishedAt: 1)
        var content = exit.fileContent()
        content += [UInt8](repeating: 0, count: TaskExit.fileSize - content.count)
        content[0] = length
        #expect(throws: WireFault.self) { try TaskExit.parse(fileContent: content) }
    }

    @Test("another version is a fault that names it")
    func version() {
        var content = Samples.exits[0].fileContent()
        content[1] = 9
        #expect(throws: WireFault("version 9")) { try TaskExit.parse(fileContent: content) }
    }
}

@Suite struct AttemptFiles {
    @Test("the exit of each attempt is read from its record unchanged", arguments: Samples.exits)
    func roundTrip(exit: TaskExit) {
        let content = exit.fileContent()
        let rest = [UInt8](repeating: 0, count: TaskExit.fileSize - content.count)
        #expect(AttemptFile.parse(content + rest) == .exit(exit))
    }

    @Test("an attempt that may have begun is told from an attempt that has not")
    func begun() {
        #expect(AttemptFile.begun.count == TaskExit.fileSize)
        #expect(AttemptFile.none.count == TaskExit.fileSize)
        #expect(AttemptFile.parse(AttemptFile.begun) == .begun)
        #expect(AttemptFile.parse(AttemptFile.none) == .none)
        #expect(AttemptFile.parse([]) == .none)
    }

    @Test("a damaged record contains no exit, and its attempt may have begun")
    func damaged() {
        let content = Samples.exits[0].fileContent()
        for count in 1..<content.count {
            #expect(AttemptFile.parse(Array(content.prefix(count))) == .begun)
        }
    }

    @Test("records do not overlap, and 64 of them are a page")
    func positions() {
        #expect(AttemptFile.position(of: 1) == 64 && AttemptFile.position(of: 64) == 4096)
        #expect(AttemptFile.position(of: .max) == Int64(UInt32.max) * 64)
    }
}

@Suite struct Arguments {
    private static let options = [
        [], ["shm=65536"], ["pid=pod"], ["ipc=host", "pid=host"],
        ["tasks=/kube pods/staunch-u", "shm=1", "ipc=host", "pid=host"],
    ]

    @Test("options come after the other arguments, and only if they are no defaults")
    func options() {
        let plain = Array(Arguments.settings[0].arguments.dropFirst(2))
        #expect(plain.count == 8)
        for options in Arguments.options {
            let settings = ShimSettings(arguments: plain + options)
            #expect(settings?.arguments.dropFirst(10).map(\.self) == options)
        }
        for bad in ["", "shm=", "shm=-1", "shm=01", "ipc=", "pid=hosts", "none", "tasks="] {
            #expect(ShimSettings(arguments: plain + [bad]) == nil)
        }
    }

    private static let settings =
        [(true, false), (true, true), (false, false)].map {
            ownNetwork, keepsHostNetwork in
            ShimSettings(
                name: "web", uid: "019abf10-0000-7000-8000-000000000001",
                podDirectory: "/run/staunch/pods/x", dataDirectory: "/var/lib/with a space",
                logDirectory: "/var/log/staunch/x", cgroup: "/staunch/x", ownNetwork: ownNetwork,
                keepsHostNetwork: keepsHostNetwork, hostname: "none")
        } + [
            ShimSettings(
                name: "web", uid: "u", podDirectory: "/p", dataDirectory: "/d", logDirectory: "/l",
                cgroup: "/staunch/u", workload: "/kube pods/staunch-u", ownNetwork: true,
                keepsHostNetwork: false, hostname: "h")
        ]

    @Test("a shim reads its arguments unchanged", arguments: settings)
    func roundTrip(settings: ShimSettings) {
        #expect(Array(settings.arguments.prefix(2)) == ["staunch-shim", "pod"])
        #expect(ShimSettings(arguments: Array(settings.arguments.dropFirst(2))) == settings)
    }

    @Test("ps shows the pod's name and uid first")
    func whose() {
        let settings = Arguments.settings[0]
        #expect(Array(settings.arguments[2...3]) == [settings.name, settings.uid])
    }

    @Test("too few or too many arguments are refused", arguments: [0, 1, 7, 10, 100])
    func wrongCount(count: Int) {
        let arguments = Array(repeating: "none", count: count)
        #expect(ShimSettings(arguments: arguments) == nil)
    }

    @Test("a network other than none, host and bridge is refused", arguments: ["", "cni", "NONE"])
    func wrongNetwork(mode: String) {
        var arguments = Array(Arguments.settings[0].arguments.dropFirst(2))
        arguments[6] = mode
        #expect(ShimSettings(arguments: arguments) == nil)
    }
}
