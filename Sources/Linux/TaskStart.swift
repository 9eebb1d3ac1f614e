// Starts a program in a running task, as the runtime's exec does, without the runtime.
//
// CLinux/enter.c has the order. No process of ours is dumpable when it joins the task's namespaces,
// or later (CVE-2016-9962). So a process of the task can neither trace it nor open its program or
// its descriptors through /proc (CVE-2019-5736), unless it has CAP_SYS_PTRACE: the caller uses the
// runtime for such a task. All other descriptors are closed before. A working directory outside of
// the root is refused (CVE-2024-21626). The filter comes last, or with the privileges that are
// dropped after it.

import Bytes
import CLinux
import Failpoints
import Glibc
package import Kernel

/// A start of a program in a task.
package struct TaskStart: ~Copyable {
    /// A child of the caller's, which ends when the reaper has ended.
    package let helper: Int32
    /// Has an event when there is something to read.
    package let report: OwnedDescriptor
    /// The parent of the program. It ends when it has no child left.
    package private(set) var reaper: Int32?
    /// The step that failed, if no program runs.
    package private(set) var refusal: SystemCallFailure?
    /// The end of the program, or of its process that could not execute it.
    package private(set) var exit: ChildExit?
    /// The program has left processes, so that the reaper lives on.
    package private(set) var leftProcesses = false
    /// Nothing more will be told.
    package private(set) var isOver = false
    /// The program as the caller named it.
    private let name: String

    /// Starts the program with these streams. `cgroups` are the directories that it joins.
    /// `task` is a pidfd of the task's first process. The caller has one thread.
    package static func begin(
        _ program: TaskProgram, in task: borrowing OwnedDescriptor, cgroups: [String], input: CInt,
        output: CInt, errors: CInt
    ) throws(SystemCallFailure) -> TaskStart {
        let pipe = try Pipe().release()
        let report = OwnedDescriptor(adopting: pipe.reading)
        let told = OwnedDescriptor(adopting: pipe.writing)
        try report.setNonblocking()
        var files: [CInt] = []
        defer { for file in files { close(file) } }
        for cgroup in cgroups {
            files.append(try OwnedDescriptor.opening(cgroup + "/cgroup.procs", O_WRONLY).release())
        }
        let fields = clinux_entry(
            task: task.number, input: input, output: output, errors: errors,
            uid: program.uid, gid: program.gid, umask: program.umask, bounding: program.bounding,
            permitted: program.permitted, inheritable: program.inheritable,
            ambient: program.ambient,
            no_new_privs: program.noNewPrivileges ? 1 : 0,
            sets_oom_score: program.oomScore == nil ? 0 : 1, oom_score: program.oomScore ?? 0,
            finds_home: program.environment.contains { $0.begins(with: "HOME=") } ? 0 : 1)
        let helper = try fork(fields, program, files, told.number)
        return TaskStart(report, helper, program.arguments.first ?? "")
    }

    private init(_ report: consuming OwnedDescriptor, _ helper: Int32, _ name: String) {
        self.report = report
        self.helper = helper
        self.name = name
    }

    private static func fork(
        _ fields: clinux_entry, _ program: TaskProgram, _ files: [CInt], _ report: CInt
    ) throws(SystemCallFailure) -> Int32 {
        let limits = program.limits.map {
            clinux_limit(resource: $0.resource, soft: $0.soft, hard: $0.hard)
        }
        var fields = fields
        // SAFETY: everything lives for the call, and the child has copies of its own.
        let result = unsafe withCStrings(program.arguments) { words in
            unsafe withCStrings(program.environment) { environment in
                effect("process.enter", .noMemory) {
                    unsafe clinux_enter_task(
                        &fields, files, files.count, limits, limits.count, program.groups,
                        program.groups.count, program.filter, program.filter.count, program.keyring,
                        program.directory, words, environment, report)
                }
            }
        }
        return try check(result, "fork", program.arguments.first ?? "")
    }

    /// Reads what the helper, the reaper and the program have told since the last call. None of
    /// them tells more than a few numbers.
    package mutating func look() {
        var bytes: [UInt8] = []
        ignoring("without a report the start has failed") { () throws(SystemCallFailure) in
            guard let read = try report.read(limit: 256) else { return }
            bytes = read
            isOver = read.isEmpty
        }
        for start in stride(from: 0, to: bytes.count - 7, by: 8) {
            let numbers = [start, start + 4].map { place in
                (0..<4).reduce(Int32(0)) { $0 | Int32(bytes[place + $1]) << Int32(8 * $1) }
            }
            switch Int(numbers[0]) {
            case CLINUX_ENTRY_BEGUN: reaper = numbers[1]
            case CLINUX_ENTRY_ENDED: exit = ChildExit(waitStatus: numbers[1])
            case CLINUX_ENTRY_LEFT: leftProcesses = true
            case let step:
                refusal = SystemCallFailure(
                    call: TaskStart.call(step), subject: name, errno: numbers[1])
            }
        }
    }

    /// What failed, for people.
    private static func call(_ step: Int) -> String {
        switch step {
        case CLINUX_ENTRY_DESCRIPTORS: "dup2"
        case CLINUX_ENTRY_OOM_SCORE: "write oom_score_adj"
        case CLINUX_ENTRY_CGROUP: "join the cgroups"
        case CLINUX_ENTRY_NAMESPACES: "setns"
        case CLINUX_ENTRY_PROCESS: "fork"
        case CLINUX_ENTRY_SESSION: "setsid"
        case CLINUX_ENTRY_KEYRING: "keyctl"
        case CLINUX_ENTRY_LIMIT: "setrlimit"
        case CLINUX_ENTRY_PRIVILEGES: "prctl"
        case CLINUX_ENTRY_FILTER: "seccomp"
        case CLINUX_ENTRY_BOUNDING: "drop capabilities"
        case CLINUX_ENTRY_USER: "take the user"
        case CLINUX_ENTRY_DIRECTORY: "chdir"
        case CLINUX_ENTRY_CAPABILITIES: "capset"
        default: "execve"
        }
    }
}
