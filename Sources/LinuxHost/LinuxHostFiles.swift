// The machine's files. The daemon itself works on tmpfs. A helper works on a disk, in a cgroup of
// the pod, so that the next daemon finds a helper that the disk holds.

import Bytes
package import Host
package import Kernel
import Linux
package import Model
import ShimProtocol

extension LinuxHost {
    package func exitFile(_ pod: UID, _ task: Label) throws(SystemCallFailure) -> ExitSight {
        let content: [UInt8]
        let path = layout.bundle(pod, task) + "/exit"
        do { content = try Files.read(path, limit: TaskExit.fileSize) } catch {
            if error.errno == 2 { return .none }
            throw error
        }
        // A file that cannot be parsed contains no exit, and the daemon invents none.
        do { return try TaskExit.parse(fileContent: content).map { .exit($0) } ?? .open } catch {
            return .open
        }
    }

    package func attempts(
        _ pod: UID, _ task: Label, after attempt: UInt32
    ) throws(SystemCallFailure) -> [AttemptSight] {
        guard attempt < .max else { return [] }
        let content: [UInt8]
        do throws(SystemCallFailure) {
            // O_NONBLOCK: a FIFO in its place would be waited for.
            let file = try OwnedDescriptor.opening(
                "\(layout.bundle(pod, task))/\(AttemptFile.name)", 0o4000)
            content = try file.read(
                at: Int(AttemptFile.position(of: attempt + 1)),
                limit: AttemptSight.most * TaskExit.fileSize)
        } catch {
            // ENOENT, ENXIO, ENOTDIR, EISDIR, ELOOP: it is no file of the shim's.
            if [2, 6, 20, 21, 40].contains(error.errno) { return [] }
            throw error
        }
        var found: [AttemptSight] = []
        for start in stride(from: 0, to: content.count, by: TaskExit.fileSize) {
            let record = Array(content[start...].prefix(TaskExit.fileSize))
            let number = attempt + 1 + UInt32(found.count)
            switch AttemptFile.parse(record) {
            case .none: return found
            case .begun: found.append(AttemptSight(attempt: number, exit: nil))
            case .exit(let exit): found.append(AttemptSight(attempt: number, exit: exit))
            }
        }
        return found
    }

    package func removeFiles(
        _ pod: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker? {
        try await runHelper(["remove"] + folders(pod, keepingLogs), for: pod)
    }

    /// Runs in no cgroup of the pod, because they are gone by then. That is safe, because a look
    /// changes nothing, and the next daemon's look ends no earlier than this look.
    package func filesLeft(
        _ pod: UID, keepingLogs: Bool
    ) async throws(SystemCallFailure) -> Blocker? {
        let words = ["staunch-shim", "absent"] + folders(pod, keepingLogs)
        return try await run(words, for: pod)
    }

    private func folders(_ pod: UID, _ keepingLogs: Bool) -> [String] {
        let settings = layout.settings
        let data = [settings.dataDirectory, "\(pod)"]
        return keepingLogs ? data : data + [settings.logDirectory, "\(pod)"]
    }

    package func removeFiles(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    {
        let settings = layout.settings
        let blocker = try await runHelper(
            [
                "remove-task", "\(settings.dataDirectory)/\(pod)",
                "\(settings.logDirectory)/\(pod)", task.text,
            ], for: pod)
        if blocker == nil { try Tree.remove(task.text, in: "\(layout.pod(pod))/tasks") }
        return blocker
    }

    package func layerRefusal() async -> String? {
        do throws(SystemCallFailure) {
            let words = ["staunch-shim", "layers", layout.settings.dataDirectory]
            let blocker = try await Helper.run(words, path: try shimProgram()).blocker
            // A helper that was killed or could not be started has not asked the kernel.
            guard let blocker, blocker.errno != nil else { return nil }
            return blocker.reason.after("staunch-shim: ") ?? blocker.reason
        } catch { return nil }
    }

    package func rootfsHolder(_ pod: UID, _ task: Label) async throws(SystemCallFailure) -> Blocker?
    {
        let upper = "\(layout.settings.dataDirectory)/\(pod)/\(task)/upper"
        return try await runHelper(["upper", upper, layout.settings.runDirectory], for: pod)
    }

    package func sharedMemoryHolder(_ pod: UID) async throws(SystemCallFailure) -> Blocker? {
        try await memoryHolder(layout.sharedMemory(pod), "/dev/shm", of: pod)
    }

    /// Returns what keeps the file system in memory alive that the dead shim had at `path`.
    private func memoryHolder(
        _ path: String, _ name: String, of pod: UID
    ) async throws(SystemCallFailure) -> Blocker? {
        let file = ShimSettings.deviceFile(of: path)
        // A pod of an older version has no such file.
        guard try Files.exists(file) else { return nil }
        return try await runHelper(["memory", file, name], for: pod)
    }

    package func removePart(_ pod: UID, _ part: String) async throws(SystemCallFailure) -> Blocker?
    {
        let folders = layout.folders(pod)
        let removal = ["remove", folders.data, PodFolders.name(of: part)]
        if let blocker = try await runHelper(removal, for: pod) { return blocker }
        let parent = folders.mounts(of: part)
        for name in try Files.names(in: parent).sorted() {
            let path = "\(parent)/\(name)"
            let blocker = try await memoryHolder(path, "\(part)/\(name)", of: pod)
            if let blocker { return blocker }
        }
        return nil
    }

    package func removeRunFolder(_ pod: UID) throws(SystemCallFailure) {
        try Tree.remove("\(pod)", in: layout.pods)
    }

    package func hasRunFolder(_ pod: UID) throws(SystemCallFailure) -> Bool {
        try Files.exists(layout.pod(pod))
    }

    package func tasksLeft(_ pod: UID, in workloads: [String]) -> [Label] {
        var names: Set<String> = []
        ignoring("what is not found by its bundle is found with the pod's whole tree") {
            () throws(SystemCallFailure) in
            names.formUnion(try Files.names(in: layout.pod(pod) + "/tasks"))
        }
        for directory in workloads.flatMap({ path in kernel.hierarchies.map { $0.directory(path) } }
        ) {
            ignoring("what is not found by its cgroup is found with the pod's whole tree") {
                () throws(SystemCallFailure) in
                names.formUnion(
                    try Files.directories(in: directory).compactMap { $0.after("task-") })
            }
        }
        return names.compactMap { Label($0) }.sorted()
    }

    /// Runs the shim's program for one job, and waits for its end without blocking. Returns its
    /// complaint; `nil` if it succeeded.
    func runHelper(
        _ words: [String], for pod: UID
    ) async throws(SystemCallFailure) -> Blocker? {
        let cgroup = layout.cgroup(pod) + "/helper"
        return try await run(["staunch-shim", "in", cgroup] + words, for: pod)
    }

    private func run(
        _ words: [String], for pod: UID
    ) async throws(SystemCallFailure) -> Blocker? {
        defer { helpers[pod] = nil }
        let program = try shimProgram()
        return try await Helper.run(words, path: program) { helpers[pod] = $0 }.blocker
    }

    package func helper(of pod: UID) -> String? {
        helpers[pod].map { "a helper: \(place(of: $0))" }
    }
}
