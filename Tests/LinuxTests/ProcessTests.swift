// Identifies a process, whatever name it gives itself.

import Foundation
import Glibc
import Linux
import Testing

private struct NoProcess: Error {}

/// `#require` takes only copyable values.
private func opened(_ pid: Int32) throws -> PidDescriptor {
    guard let process = PidDescriptor.opening(pid) else { throw NoProcess() }
    return process
}

@Suite struct ProcessTests {
    let scratch: Scratch
    init() throws { scratch = try Scratch() }

    /// A program may give itself any name of up to 15 bytes (prctl(2), PR_SET_NAME).
    static let names = [
        "sleep", "a) b (c", ") Z 1 1 1 1 1", ")", "a b  c", "a\nb", "x\u{600}", ") Z 1\u{600}",
        "e\u{301})\u{301}", "\u{1F469}\u{200D}",
    ]

    @Test("a process's start and state are read correctly for any name", arguments: names)
    func anyName(name: String) throws {
        let before = try ticks()
        let sleeper = try Sleeper(named: name, in: scratch)
        let started = try #require(ProcFS.startTicks(of: sleeper.pid))
        #expect((before...(try ticks())).contains(started))
        #expect(eventually { ProcFS.state(of: sleeper.pid) == "S" })
        #expect(ProcFS.command(of: sleeper.pid) == name)
    }

    @Test(
        "the filters of a process are counted beyond those of its parent",
        arguments: [
            ("Seccomp:\t0\nSeccomp_filters:\t0", nil, false),
            ("Seccomp:\t2\nSeccomp_filters:\t1", nil, true),
            ("Seccomp:\t1\nSeccomp_filters:\t0", nil, false),
            ("Seccomp:\t3\nSeccomp_filters:\t1", nil, true),
            ("Seccomp:\t2\nSeccomp_filters:\t1", "Seccomp:\t0\nSeccomp_filters:\t0", true),
            ("Seccomp:\t2\nSeccomp_filters:\t1", "Seccomp:\t2\nSeccomp_filters:\t1", false),
            ("Seccomp:\t2\nSeccomp_filters:\t2", "Seccomp:\t2\nSeccomp_filters:\t1", true),
            ("Seccomp:\t2", "Seccomp:\t0", true), ("Seccomp:\t2", "Seccomp:\t2", false),
        ])
    func filters(_ status: String, _ inherited: String?, _ hasMore: Bool) throws {
        func state(_ lines: String) throws -> SeccompState {
            try #require(SeccompState(status: "Name:\tx Seccomp:\t2\n\(lines)\nCpus:\t3\n"))
        }
        let former = try inherited.map { try state($0) }
        #expect(try state(status).hasMore(than: former) == hasMore)
        #expect(SeccompState(status: "Name:\tSeccomp:\t2\n") == nil)
        #expect(ProcFS.seccomp(of: getpid()) != nil)
    }

    /// Hundredths of a second since boot, as in field 22 of /proc/<pid>/stat.
    private func ticks() throws -> UInt64 {
        UInt64(SystemClock.sinceBoot / (1_000_000_000 / Int64(sysconf(Int32(_SC_CLK_TCK)))))
    }

    @Test("a zombie is recognized, and a reaped process does not exist")
    func zombie() throws {
        let sleeper = try Sleeper(in: scratch)
        let process = try opened(sleeper.pid)
        let early = process.reap()
        #expect(early == nil)
        let wasSent = process.send(SIGTERM)
        #expect(wasSent)
        #expect(eventually { ProcFS.state(of: sleeper.pid) == "Z" })
        #expect(ProcFS.startTicks(of: sleeper.pid) != nil)
        let exit = process.reap()
        #expect(exit?.pid == sleeper.pid && exit?.signal == SIGTERM && exit?.code == nil)
        #expect(ProcFS.state(of: sleeper.pid) == nil)
        #expect(ProcFS.startTicks(of: sleeper.pid) == nil)
        let isThere = process.send(SIGTERM)
        #expect(!isThere)
    }

    @Test("an exit code is reported as an exit code", arguments: [0, 1, 127, 255] as [Int32])
    func codes(code: Int32) throws {
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        let pid = try Command(["/bin/sh", "-c", "exit \(code)"])
            .spawn(descriptors: [null.number, null.number, null.number])
        let process = try opened(pid)
        var exit: ChildExit?
        #expect(
            eventually {
                exit = process.reap()
                return exit != nil
            })
        #expect(exit?.code == code && exit?.signal == nil)
    }

    @Test("a child has the descriptors that it was given, and no others")
    func descriptors() throws {
        let pipe = try Linux.Pipe()
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        // Open and not close-on-exec. The child must not inherit it.
        let leaky = OwnedDescriptor(adopting: dup(null.number))
        #expect(fcntl(leaky.number, F_GETFD) == 0)
        let pid = try Command(["/bin/ls", "/proc/self/fd"])
            .spawn(descriptors: [null.number, pipe.writing.number, null.number])
        let reading = pipe.intoReading()
        var listed: [UInt8] = []
        while let more = try reading.read(limit: 4096), !more.isEmpty { listed += more }
        PidDescriptor.opening(pid)?.waitAndReap()
        // The fourth is the directory that ls reads.
        #expect(String(decoding: listed, as: UTF8.self) == "0\n1\n2\n3\n")
    }
}

@Suite struct MountInfoTests {
    static let line =
        #"36 35 98:0 /ro\040ot /mnt/a\040b\011c\012d\134e rw,noatime shared:1 master:2 - ext3 "#
        + #"/dev/root rw,errors=continue"#

    @Test("spaces, tabs, newlines and backslashes are unescaped")
    func escapes() throws {
        let mount = try #require(MountInfo(line: MountInfoTests.line[...]))
        #expect(mount.root == "/ro ot")
        #expect(mount.mountPoint == "/mnt/a b\tc\nd\\e")
        #expect(mount.device == "98:0")
        #expect(mount.type == "ext3")
        #expect(mount.superOptions == "rw,errors=continue")
    }

    @Test(
        "there may be any number of optional fields", arguments: ["", "shared:1 ", "a:1 b:2 c:3 "])
    func optionalFields(fields: String) throws {
        let mount = try #require(MountInfo(line: "1 2 0:5 / /x rw \(fields)- tmpfs none rw"))
        #expect(mount.type == "tmpfs")
    }

    @Test(
        "a backslash without an octal number stays",
        arguments: [#"/a\"#, #"/a\0"#, #"/a\04"#, #"/a\999"#, #"/a\777"#, #"/a\xyz"#])
    func noEscape(path: String) throws {
        let mount = try #require(MountInfo(line: "1 2 0:5 / \(path) rw - tmpfs none rw"))
        #expect(mount.mountPoint == path)
    }

    @Test(
        "a line that is not mountinfo's is nil",
        arguments: ["", " ", "36", "1 2 0:5 / /x rw - tmpfs", "1 2 0:5 / /x rw tmpfs none rw a b"])
    func malformed(line: String) {
        #expect(MountInfo(line: line[...]) == nil)
    }

    @Test(
        "the kernel's line is found by the mounted name",
        arguments: ["plain", "a b\tc\\d", "new\nline", "\u{301}e", "-", "r\r"])
    func real(name: String) throws {
        let scratch = try Scratch()
        let target = try scratch.directory(name)
        let before = try MountInfo.current().count
        try Mounts.tmpfs(at: target, options: "size=64k")
        let found = try MountInfo.current().filter { $0.mountPoint == target }
        try Mounts.unmount(target)
        #expect(found.map(\.type) == ["tmpfs"])
        #expect(before > 0)
        #expect(try !MountInfo.current().contains { $0.mountPoint == target })
    }

    @Test(
        "a mount whose source has an awkward name hides neither itself nor another",
        arguments: ["\u{301}x", "x\u{200D}", "\u{600}", "-", "x\r"])
    func awkwardSource(source: String) throws {
        let scratch = try Scratch()
        let targets = [try scratch.directory("first"), try scratch.directory("second")]
        for target in targets { try shell("mount -t tmpfs '\(source)' '\(target)'") }
        let found = try MountInfo.current().map(\.mountPoint).filter(targets.contains)
        for target in targets { try Mounts.unmount(target) }
        #expect(found == targets)
    }
}
