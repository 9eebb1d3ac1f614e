// Debian's runc accepts the documents, and the kernel shows their effect. As root.

import Foundation
import Kernel
import Model
import ShimProtocol
import Testing

@testable import OCI

/// A rootfs with busybox, a bundle, runc's state and a cgroup parent. All are removed at the end.
final class Bench {
    let directory: String
    let cgroup: String
    let runtime: RuntimeCommand

    init() throws {
        let name = "staunch-test-\(getpid())-\(UInt32.random(in: 0...(.max)))"
        directory = "/tmp/\(name)"
        cgroup = "/\(name)"
        runtime = RuntimeCommand(
            program: "/usr/sbin/runc", root: directory + "/state", id: "t",
            bundle: directory + "/bundle")
        for folder in ["bundle", "state", "shm", "rootfs/bin", "rootfs/tmp", "source/below"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(folder)", withIntermediateDirectories: true)
        }
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o1777], ofItemAtPath: directory + "/shm")
        try FileManager.default.copyItem(
            atPath: "/bin/busybox", toPath: "\(directory)/rootfs/bin/busybox")
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory)/rootfs/bin/sh", withDestinationPath: "busybox")
    }

    deinit {
        _ = try? run(runtime.arguments(.delete, log: log))
        let hierarchies = try? FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup")
        for path in (hierarchies ?? []).map({ "/sys/fs/cgroup/\($0)\(cgroup)" }) {
            for folder in [path + "/t", path] { _ = unsafe rmdir(folder) }
        }
        try? FileManager.default.removeItem(atPath: directory)
    }

    var log: String { directory + "/log" }
    var output: String { (try? String(contentsOfFile: directory + "/out", encoding: .utf8)) ?? "" }

    func run(_ arguments: [String]) throws -> (status: Int32, said: String) {
        let child = Process()
        child.executableURL = URL(fileURLWithPath: arguments[0])
        child.arguments = Array(arguments.dropFirst())
        child.standardInput = FileHandle.nullDevice
        for file in ["/out", "/err"] {
            _ = FileManager.default.createFile(atPath: directory + file, contents: nil)
        }
        child.standardOutput = FileHandle(forWritingAtPath: directory + "/out")
        child.standardError = FileHandle(forWritingAtPath: directory + "/err")
        try child.run()
        child.waitUntilExit()
        let said = try String(contentsOfFile: directory + "/err", encoding: .utf8)
        return (child.terminationStatus, said)
    }

    /// Runs `task` in namespaces like a shim's, or in the host's, until it prints `end`.
    func lines(
        _ task: TaskSpec, _ ids: ResolvedUser = root, seccomp: [UInt8]? = nil,
        inHostNetwork: Bool = false
    ) throws -> Set<Substring> {
        let refusal = try start(task, ids, seccomp: seccomp, inHostNetwork: inHostNetwork)
        #expect(refusal == nil, "\(refusal.map { $0.message } ?? "")")
        for _ in 0..<400 where !output.contains("end\n") { usleep(10_000) }
        let lines = Set(output.split(separator: "\n"))
        #expect(lines.contains("end"))
        for _ in 0..<100 {
            if try run(runtime.arguments(.delete, log: log)).status == 0 { break }
            usleep(10_000)
        }
        return lines
    }

    func start(
        _ task: TaskSpec, _ ids: ResolvedUser = root, seccomp: [UInt8]? = nil,
        inHostNetwork: Bool = false
    ) throws -> RuntimeRefusal? {
        let host = HostTraits(
            cgroupNamespace: false,
            limitsSwap: FileManager.default.fileExists(
                atPath: "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"))
        let document = RuntimeSpec.document(
            for: task, in: PodSpec(hostname: "h"), PodFolders(run: directory, data: directory),
            ids: ids, rootfs: directory + "/rootfs", cgroupsPath: cgroup + "/t",
            sharedMemory: directory + "/shm", seccomp: seccomp, host: host)
        let bundle = directory + "/bundle"
        try Data(document).write(to: URL(fileURLWithPath: bundle + "/config.json"))
        let call = runtime.arguments(.run, log: log)
        let own = ["/usr/bin/unshare", "--ipc", "--uts", "--mount", "--propagation", "slave"]
        let result = try run(own + (inHostNetwork ? [] : ["--net"]) + call)
        guard result.status != 0 else { return nil }
        let logged = FileManager.default.contents(atPath: log) ?? Data()
        return RuntimeRefusal(log: Array(logged), standardError: Array(result.said.utf8))
    }
}

@Suite(
    .serialized,
    .enabled(if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/sbin/runc")))
struct RealRuncTests {
    let bench: Bench
    init() throws { bench = try Bench() }

    func script(_ text: String, _ change: (inout TaskSpec) -> Void = { _ in }) throws -> TaskSpec {
        try task {
            $0.args = ["/bin/sh", "-c", text + "; echo end"]
            change(&$0)
        }
    }

    let look = """
        cd /bin; ./busybox id -u; ./busybox grep -E '^(Cap|Seccomp:|NoNew)' /proc/self/status; \
        ./busybox ls /sys/class/net; ./busybox stat -c '%a %n' /dev/shm /dev; \
        ./busybox touch /tmp/x && echo writable; cd /
        """

    @Test(arguments: [false, true], [false, true])
    func aRootTaskHasDockersRights(filtered: Bool, inHostNetwork: Bool) throws {
        let task = try script(look)
        let json = Array(
            try Data(contentsOf: URL(fileURLWithPath: "/usr/share/containers/seccomp.json")))
        let seccomp = try SeccompProfile(json: json).document(
            capabilities: Capabilities.of(task), on: .x86, kernel: [6, 1])
        let lines = try bench.lines(
            task, seccomp: filtered ? seccomp : nil, inHostNetwork: inHostNetwork)
        #expect(lines.contains("CapEff:\t00000000a80425fb"), "Docker's 14")
        #expect(lines.contains("CapInh:\t0000000000000000"))
        #expect(lines.contains("Seccomp:\t\(filtered ? 2 : 0)"))
        #expect(lines.contains("NoNewPrivs:\t1"))
        #expect(lines.contains("1777 /dev/shm"))
        #expect(lines.contains("755 /dev"))
        #expect(lines.contains("writable"))
        let links = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")
        for link in links where link != "lo" {
            #expect(lines.contains(Substring(link)) == inHostNetwork, "\(link)")
        }
    }

    @Test func anotherUserHasNoRightsAndAReadOnlyRootIsReadOnly() throws {
        let task = try script(look) { $0.readOnlyRootfs = true }
        let lines = try bench.lines(task, ResolvedUser(uid: 1234, gid: 1234))
        #expect(lines.contains("1234"))
        #expect(lines.contains("CapEff:\t0000000000000000"))
        #expect(lines.contains("CapBnd:\t00000000a80425fb"))
        #expect(!lines.contains("writable"))
    }

    @Test func mountsAndLimitsAreTheTasksOwn() throws {
        let source = bench.directory + "/source"
        let text = """
            cd /bin; ./busybox touch /in/x && echo in-writable
            ./busybox touch /out/y && echo out-ok
            ./busybox df -k /scratch | ./busybox awk 'NR==2{print "size " $2}'; cd /
            """
        let task = try script(text) {
            $0.mounts = [
                MountSpec(kind: .bind(source: source), target: "/in", readOnly: true),
                MountSpec(kind: .bind(source: source + "/below"), target: "/out"),
                MountSpec(kind: .tmpfs(size: 1 << 20), target: "/scratch"),
            ]
            $0.resources = TaskResources(memory: 64 << 20, milliCPUs: 500, pids: 64)
        }
        let lines = try bench.lines(task)
        #expect(!lines.contains("in-writable"))
        #expect(lines.contains("out-ok"))
        #expect(lines.contains("size 1024"))
        #expect(FileManager.default.fileExists(atPath: source + "/below/y"))
    }

    @Test func refusalsHaveTheirCause() throws {
        let cases: [(RuntimeRefusal.Cause, (inout TaskSpec) -> Void)] = [
            (.executableNotFound, { $0.args = ["nope"] }),
            (.executableNotPermitted, { $0.args = ["/tmp"] }),
            // runc makes a missing cwd, even in a root that becomes read-only.
            (.cwdMissing, { $0.cwd = "/bin/busybox" }),
            (.memoryTooLow, { $0.resources.memory = 400_000 }),
            (
                .mountSourceMissing,
                { $0.mounts = [MountSpec(kind: .bind(source: "/none"), target: "/x")] }
            ),
        ]
        for (cause, change) in cases {
            let refusal = try bench.start(task(change))
            #expect(refusal?.cause == cause, "\(refusal?.message ?? "not refused")")
        }
    }
}
