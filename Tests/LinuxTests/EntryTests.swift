// A program that we start in a running task is like a program that runc starts there. As root.

import Foundation
import Glibc
import Kernel
import Linux
import Testing

/// What of a task's document changes what a program in the task sees.
struct EntryShape: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var user: (uid: Int, gid: Int, groups: [Int]) = (0, 0, [])
    /// By number, with their names (linux/capability.h).
    var capabilities: [Int: String] = [
        0: "CHOWN", 1: "DAC_OVERRIDE", 5: "KILL", 6: "SETGID", 7: "SETUID", 29: "AUDIT_WRITE",
    ]
    var isAmbient = false
    var noNewPrivileges = true
    var limits: [(name: String, number: CInt, soft: Int, hard: Int)] = [
        ("RLIMIT_NOFILE", 7, 2000, 2000)
    ]
    var isReadOnly = false
    var isFiltered = true
    var ownsPID = true
    var umask = 0o022
    var directory = "/"
    var oomScore: Int?

    init(_ name: String, _ change: (inout EntryShape) -> Void = { _ in }) {
        testDescription = name
        change(&self)
    }

    static let all = [
        EntryShape("root"),
        EntryShape("another user") { $0.user = (1234, 2345, []) },
        EntryShape("groups") { $0.user = (1234, 2345, [77, 88]) },
        EntryShape("no capabilities") { $0.capabilities = [:] },
        EntryShape("added capabilities") { $0.capabilities[21] = "SYS_ADMIN" },
        EntryShape("ambient capabilities") {
            $0.user = (1234, 2345, [])
            $0.isAmbient = true
        },
        EntryShape("new privileges") { $0.noNewPrivileges = false },
        EntryShape("new privileges of another user") {
            $0.noNewPrivileges = false
            $0.user = (1234, 2345, [77])
        },
        EntryShape("limits") {
            $0.limits += [
                ("RLIMIT_CORE", 4, 0, 4096),
                ("RLIMIT_NPROC", 6, 500, 600),
            ]
        },
        EntryShape("a read-only root") { $0.isReadOnly = true },
        EntryShape("no filter") { $0.isFiltered = false },
        EntryShape("the host's PID namespace") { $0.ownsPID = false },
        EntryShape("a directory") { $0.directory = "/tmp" },
        EntryShape("a score for the OOM killer") { $0.oomScore = 321 },
        EntryShape("root's home") { $0.environment = ["PATH=/usr/bin:/bin"] },
        EntryShape("a user's home") {
            $0.environment = ["PATH=/usr/bin:/bin"]
            $0.user = (1234, 2345, [])
        },
        EntryShape("a home of an unknown user") {
            $0.environment = ["PATH=/usr/bin:/bin"]
            $0.user = (77, 77, [])
        },
    ]

    var process: [String: Any] {
        let names = capabilities.values.map { "CAP_" + $0 }.sorted()
        let own = user.uid == 0 || isAmbient ? names : []
        var process: [String: Any] = [
            "terminal": false, "args": ["/bin/busybox", "sleep", "1000"], "cwd": directory,
            "env": environment,
            "user": [
                "uid": user.uid, "gid": user.gid, "additionalGids": user.groups, "umask": umask,
            ],
            "noNewPrivileges": noNewPrivileges,
            "capabilities": [
                "bounding": names, "effective": own, "permitted": own,
                "inheritable": isAmbient ? names : [], "ambient": isAmbient ? names : [],
            ],
            "rlimits": limits.map { ["type": $0.name, "soft": $0.soft, "hard": $0.hard] },
        ]
        process["oomScoreAdj"] = oomScore
        return process
    }

    var environment = ["HOME=/", "PATH=/usr/bin:/bin"]

    func document(_ root: String, _ cgroup: String) -> [String: Any] {
        let kinds = (ownsPID ? ["pid"] : []) + ["mount"]
        var linux: [String: Any] = [
            "cgroupsPath": cgroup, "namespaces": kinds.map { ["type": $0] },
            "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
        ]
        if isFiltered {
            linux["seccomp"] = [
                "defaultAction": "SCMP_ACT_ALLOW",
                "syscalls": [["names": ["swapon"], "action": "SCMP_ACT_ERRNO"]],
            ]
        }
        return [
            "ociVersion": "1.0.2", "root": ["path": root, "readonly": isReadOnly],
            "process": process, "linux": linux,
            "mounts": [["destination": "/proc", "type": "proc", "source": "proc"]],
        ]
    }

    /// BPF_RET with SECCOMP_RET_ALLOW.
    private static let permitting: [UInt8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f]

    func entry(_ words: [String], _ id: String) -> TaskProgram {
        var entry = TaskProgram(words, environment: environment, keyring: "_ses." + id)
        entry.directory = directory
        (entry.uid, entry.gid) = (UInt32(user.uid), UInt32(user.gid))
        entry.groups = user.groups.map { UInt32($0) }
        entry.umask = UInt32(umask)
        let set = capabilities.keys.reduce(UInt64(0)) { $0 | 1 << UInt64($1) }
        entry.bounding = set
        entry.permitted = user.uid == 0 || isAmbient ? set : 0
        entry.inheritable = isAmbient ? set : 0
        entry.ambient = isAmbient ? set : 0
        entry.noNewPrivileges = noNewPrivileges
        entry.oomScore = oomScore.map { Int32($0) }
        entry.limits = limits.map {
            TaskProgram.Limit(resource: $0.number, soft: UInt64($0.soft), hard: UInt64($0.hard))
        }
        entry.filter = isFiltered ? EntryShape.permitting : []
        return entry
    }
}

/// A container of runc's that lives until the test's end.
private final class Container {
    let scratch: Scratch
    let shape: EntryShape
    let id = "staunch-entry-\(getpid())-\(UInt32.random(in: 0...(.max)))"
    let pid: Int32

    init(_ shape: EntryShape) throws {
        self.shape = shape
        scratch = try Scratch()
        for folder in ["root/bin", "root/tmp", "root/proc", "root/dev", "bundle", "state"] {
            _ = try scratch.directory(folder)
        }
        try shell(
            """
            chmod 755 '\(scratch.path)' '\(scratch("root"))' '\(scratch("root"))'/*
            cp /bin/busybox '\(scratch("root/bin"))'
            for name in sh cat readlink id pwd env umask sleep true; do
            ln -s busybox '\(scratch("root/bin"))'/$name; done
            """)
        _ = try scratch.file("root/etc/passwd", "root:x:0:0::/home/root:\nx:x:1234:1::/home/x:\n")
        let document = shape.document(scratch("root"), "/\(id)/t")
        try JSONSerialization.data(withJSONObject: document)
            .write(to: URL(filePath: scratch("bundle/config.json")))
        try shell(
            """
            runc --root '\(scratch("state"))' run -d --bundle '\(scratch("bundle"))' \
            --pid-file '\(scratch("pid"))' \(id) </dev/null >'\(scratch("out"))' 2>&1 \
            || { cat '\(scratch("out"))'; exit 1; }
            """)
        pid = try #require(Int32(try Files.text(scratch("pid"))))
    }

    deinit {
        _ = try? shell("runc --root '\(scratch("state"))' delete -f \(id)")
        for hierarchy in (try? Cgroups.hierarchies()) ?? [] {
            for path in ["/\(id)/t", "/\(id)"] {
                _ = try? Files.removeDirectory(hierarchy.directory(path))
            }
        }
    }

    var cgroups: [String] {
        get throws {
            try Cgroups.hierarchies().map { $0.directory("/\(id)/t") }
                .filter { FileManager.default.fileExists(atPath: $0) }
        }
    }

    /// The output of a program that runc starts.
    func byRunc(_ words: [String]) throws -> String {
        var process = shape.process
        process["args"] = words
        try JSONSerialization.data(withJSONObject: process)
            .write(to: URL(filePath: scratch("process.json")))
        return try shell(
            """
            runc --root '\(scratch("state"))' exec --process '\(scratch("process.json"))' \(id)
            """)
    }

    /// A program that we start.
    struct Run {
        let said: String
        let exit: ChildExit?
        let refusal: SystemCallFailure?
        let leftProcesses: Bool
    }

    func byEntry(
        _ words: [String], _ change: (inout TaskProgram) -> Void = { _ in }
    ) throws -> Run {
        var entry = shape.entry(words, id)
        change(&entry)
        guard let task = PidDescriptor.opening(pid) else { throw CommandFailed(text: "no task") }
        let pipe = try Linux.Pipe()
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        var start = try TaskStart.begin(
            entry, in: task.descriptor, cgroups: try cgroups, input: null.number,
            output: pipe.writing.number, errors: pipe.writing.number)
        let said = try pipe.intoReading().readAll(limit: 1 << 20)
        PidDescriptor.opening(start.helper)?.waitAndReap()
        start.look()
        return Run(
            said: String(decoding: said, as: UTF8.self), exit: start.exit, refusal: start.refusal,
            leftProcesses: start.leftProcesses)
    }
}

@Suite(
    .serialized,
    .enabled(if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/sbin/runc")))
struct EntryTests {
    private static func look(_ id: String) -> [String] {
        [
            "sh", "-c",
            """
            cd /proc/self; pwd; cat status limits cgroup mountinfo oom_score_adj loginuid; \
            cat attr/current 2>/dev/null; echo; \
            busybox awk '/\(id)/ {print $1, $5, $6, $7, $8, $9}' /proc/keys; \
            for n in ns/*; do readlink $n; done; id; env; umask
            """,
        ]
    }

    /// Lines that differ between two processes of one program. Foundation's processes ignore signal
    /// 32, and runc's with them. runc's exec does not set the umask (1.1.5), and its Go runtime
    /// raises the soft limit of descriptors now and then, so no shape has either.
    private static let own = [
        "Pid:", "Tgid:", "FDSize:", "PPid:", "NStgid:", "NSpid:", "NSpgid:", "NSsid:", "Vm", "Rss",
        "voluntary", "nonvoluntary", "State:", "SigIgn:", "/proc/", "SigQ:", "Mems_allowed:",
        "HugetlbPages:",
    ]

    private func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map(String.init).filter { line in
            !EntryTests.own.contains { line.hasPrefix($0) }
        }
    }

    @Test(
        "a program that we start sees what it sees when runc starts it", arguments: EntryShape.all)
    func sameAsRunc(_ shape: EntryShape) throws {
        let container = try Container(shape)
        let runc = lines(try container.byRunc(EntryTests.look(container.id)))
        let run = try container.byEntry(EntryTests.look(container.id))
        let ours = lines(run.said)
        #expect(run.exit?.code == 0, "\(run)")
        #expect(runc.count > 60)
        #expect(ours.difference(from: runc).isEmpty, "\(ours.difference(from: runc))")
    }

    @Test("what the program leaves is reaped, and only then the reaper ends")
    func orphans() throws {
        let container = try Container(EntryShape("root"))
        let zombies = ["sh", "-c", "cat /proc/[0-9]*/stat"]
        let run = try container.byEntry(["sh", "-c", "sleep 0.1 & sleep 0.2 & exit 3"])
        #expect(run.exit?.code == 3 && run.leftProcesses, "\(run)")
        let after = try container.byEntry(zombies)
        #expect(after.said.contains(" S ") && !after.said.contains(" Z "), "\(after)")
        #expect(!after.leftProcesses)
    }

    @Test(
        "a program that cannot be executed is refused",
        arguments: [
            ("/nothing", ENOENT), ("nothing", ENOENT), ("/tmp", EACCES), ("/plain", ENOEXEC),
        ])
    func refused(_ name: String, _ errno: Int32) throws {
        let container = try Container(EntryShape("root"))
        try shell("echo x >'\(container.scratch("root/plain"))'")
        try shell("chmod 755 '\(container.scratch("root/plain"))'")
        let run = try container.byEntry([name])
        #expect(run.refusal?.errno == errno && run.refusal?.call == "execve", "\(run)")
    }
}
