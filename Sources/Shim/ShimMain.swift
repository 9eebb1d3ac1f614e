// The shim's program: one binary for the sandbox and for the helpers.

import Kernel
import Linux
import ShimProtocol

/// Runs the verb in the arguments; returns the exit code. `pod` returns only on failure.
///
/// - `staunch-shim pod …`: see `ShimSettings`.
/// - `staunch-shim reap NAME UID`: the first process of a PID namespace, which never comes here:
///   see reaper.c.
/// - `staunch-shim in CGROUP VERB …`: joins that cgroup first, so that a search for the pod's
///   processes finds this one; then runs one of the following verbs.
/// - `staunch-shim remove PARENT NAME [PARENT NAME …]`: removes each tree and verifies that it is
///   gone.
/// - `staunch-shim remove-task DATA_DIR LOG_DIR NAME`: removes a task's upper layer and log.
/// - `staunch-shim absent PARENT NAME [PARENT NAME …]`: fails if one of them exists.
/// - `staunch-shim control FILE TEXT [FILE TEXT …]`: writes each text into its file.
/// - `staunch-shim upper DIR OTHER`: reports the holders of the overlay with upper layer DIR, if it
///   is alive. OTHER is a directory on another mount.
/// - `staunch-shim memory FILE NAME`: reports the holders of the pod's file system in memory of
///   that name, if it is alive. FILE contains its device.
/// - `staunch-shim layers DIR`: fails if DIR cannot hold the upper layer of an overlay.
/// - `staunch-shim list RUN_DIR DIR MODE PATH [DIR MODE PATH …]`: see `ListHelper`.
/// - `staunch-shim namespaces CGROUP MARK [PID …]`: see `NamespaceHelper`. CGROUP is the pods'
///   parent, MARK begins the names of pods' cgroups elsewhere, and the processes are shims to skip.
/// - `staunch-shim network VERB …`: see `NetworkHelper`.
/// - `staunch-shim plugins VERB …`: see `PluginHelper`.
/// - `staunch-shim statistics`: see `StatisticsHelper`.
/// - `staunch-shim log DIR NAME [WORD …]`: see `LogReader`; the words are a `LogQuery`.
/// - `staunch-shim client-log ROOT PATH [WORD …]`: the same for a file of a client's.
/// - `staunch-shim found NAME [DIR …]`: writes a program's marks and path; see `LookVerbs`.
/// - `staunch-shim install PROGRAM DIR MARKS`: copies the program below DIR; see `LookVerbs`.
/// - `staunch-shim content FILE`: writes the content of a regular file.
/// - `staunch-shim devices PATH …`, `staunch-shim host-devices`: see `DeviceVerbs`.
/// - `staunch-shim configurations VERB DIR [PLUGIN_DIR …]`: see `ConfigurationHelper`.
/// - `staunch-shim plugin PROGRAM [NAME=VALUE …]`: executes a network's plugin, which may wait for
///   a disk, with that environment.
/// - `staunch-shim exec PROGRAM [WORD …]`: executes the program, which may wait for a disk.
///
/// A failure is written to standard error: the errno's name, or `-`, and a line for people.
package func shimMain(arguments: [String], pid: Int32) -> CInt {
    let rest = Array(arguments.dropFirst(2))
    switch arguments.dropFirst().first {
    case "pod":
        guard let settings = ShimSettings(arguments: rest) else { return usage() }
        return runPod(settings, pid: pid)
    case "in" where rest.count > 1:
        return telling { () throws(SystemCallFailure) in
            try Cgroup(path: rest[0], hierarchies: try Cgroups.hierarchies()).join()
            return runHelper(rest[1], Array(rest.dropFirst(2)))
        }
    case let verb?: return runHelper(verb, rest)
    case nil: return usage()
    }
}

private func runHelper(_ verb: String, _ words: [String]) -> CInt {
    switch verb {
    case "remove" where words.count % 2 == 0:
        return telling { () throws(SystemCallFailure) in try removeAll(words) }
    case "absent" where words.count % 2 == 0:
        return telling { () throws(SystemCallFailure) in try areAbsent(words) }
    case "control" where words.count % 2 == 0:
        return telling { () throws(SystemCallFailure) in
            for index in stride(from: 0, to: words.count, by: 2) {
                try Files.writeControlFile(words[index], words[index + 1])
            }
            return 0
        }
    case "upper" where words.count == 2:
        return telling { () throws(SystemCallFailure) in
            let why = try Superblocks.whyUpperIsHeld(words[0], device: nil, beside: words[1])
            return why.map { complain($0, "EBUSY") } ?? 0
        }
    case "memory" where words.count == 2:
        return telling { () throws(SystemCallFailure) in
            guard let device = UInt64(try Files.text(words[0], limit: 32)) else { return 0 }
            let why = Superblocks.whyMemoryIsHeld(device, words[1], isKnownToLive: false)
            return why.map { complain($0, "EBUSY") } ?? 0
        }
    case "layers" where words.count == 1:
        let trial = LayerTrial(directory: words[0])
        guard let refusal = trial.refusal() else { return 0 }
        return complain(trial.reason(refusal), refusal.errnoName)
    case "list" where words.count > 1 && words.count % 3 == 1:
        return ListHelper(runDirectory: words[0]).run(Array(words.dropFirst()))
    case "namespaces" where words.count > 1:
        return telling { () throws(SystemCallFailure) in
            try NamespaceHelper.run(
                below: words[0], mark: words[1], but: Array(words.dropFirst(2)))
        }
    case "network" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in
            try NetworkHelper.run(words[0], Array(words.dropFirst()))
        }
    case "plugins" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in
            try PluginHelper.run(words[0], Array(words.dropFirst()))
        }
    case "statistics" where words.isEmpty:
        return telling { () throws(SystemCallFailure) in try StatisticsHelper.run() }
    case "found" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in try LookVerbs.found(words) }
    case "install" where words.count == 3:
        return telling { () throws(SystemCallFailure) in try LookVerbs.install(words) }
    case "content" where words.count == 1:
        return telling { () throws(SystemCallFailure) in try LookVerbs.content(words[0]) }
    case "devices" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in try DeviceVerbs.named(words) }
    case "host-devices" where words.isEmpty:
        return telling { () throws(SystemCallFailure) in try DeviceVerbs.all() }
    case "configurations" where words.count > 1:
        return telling { () throws(SystemCallFailure) in
            try ConfigurationHelper.run(words[0], Array(words.dropFirst()))
        }
    case "plugin" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in try LookVerbs.plugin(words) }
    case "exec" where !words.isEmpty:
        return telling { () throws(SystemCallFailure) in try LookVerbs.exec(words) }
    default: return runLogHelper(verb, words)
    }
}

private func runLogHelper(_ verb: String, _ words: [String]) -> CInt {
    switch verb {
    case "remove-task" where words.count == 3:
        return telling { () throws(SystemCallFailure) in
            try Tree.remove(words[2], in: words[0])
            try LogNames(directory: words[1], task: words[2]).removeAll()
            return 0
        }
    case "log" where words.count > 1:
        return readLog(.own(LogNames(directory: words[0], task: words[1])), words)
    case "forward":
        return telling { () throws(SystemCallFailure) in try ForwardHelper.run(words) }
    case "client-log" where words.count > 1:
        return readLog(.client(ClientLog(root: words[0], path: words[1])), words)
    default: return usage()
    }
}

private func readLog(_ home: LogHome, _ words: [String]) -> CInt {
    guard let query = LogQuery(words: Array(words.dropFirst(2))) else { return usage() }
    return telling { () throws(SystemCallFailure) in
        try LogReader.run(
            home, query, control: OwnedDescriptor(adopting: 0),
            output: OwnedDescriptor(adopting: 1))
        return 0
    }
}

private func runPod(_ settings: ShimSettings, pid: Int32) -> CInt {
    do throws(SystemCallFailure) {
        let lock = OwnedDescriptor(adopting: ShimSettings.lockDescriptor)
        let listener = OwnedDescriptor(adopting: ShimSettings.listenerDescriptor)
        guard try lock.tryLock() else { return complain("the pod has a shim already") }
        let shim = try Shim(
            settings, lock: lock, listener: PacketSocket(adopting: listener), pid: pid)
        shim.run()
    } catch { return complain(error.description) }
}

private func removeAll(_ pairs: [String]) throws(SystemCallFailure) -> CInt {
    for index in stride(from: 0, to: pairs.count, by: 2) {
        try Tree.remove(pairs[index + 1], in: pairs[index])
    }
    return try areAbsent(pairs)
}

private func areAbsent(_ pairs: [String]) throws(SystemCallFailure) -> CInt {
    for index in stride(from: 0, to: pairs.count, by: 2) {
        let path = "\(pairs[index])/\(pairs[index + 1])"
        if try Files.exists(path) { return complain("\(path) is there") }
    }
    return 0
}

private func telling(_ body: () throws(SystemCallFailure) -> CInt) -> CInt {
    do throws(SystemCallFailure) { return try body() } catch {
        return complain(error.description, error.errnoName)
    }
}

private func usage() -> CInt {
    complain("started by staunchd; see staunchd --help")
}

private func complain(_ text: String, _ errno: String = "-") -> CInt {
    do throws(SystemCallFailure) {
        let error = OwnedDescriptor(adopting: 2)
        _ = try error.write(Array("\(errno) staunch-shim: \(text)\n".utf8)[...])
    } catch {}
    return 1
}
