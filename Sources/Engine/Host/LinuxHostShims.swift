// Shims whose files somebody has removed: a cleaner such as systemd-tmpfiles, or an administrator.
//
// A shim lives on without its lock, its socket and even its folder, and so do its tasks. It is then
// found by its cgroup, and asked by a signal to make them again.

import Linux
import Model
import ShimProtocol

extension LinuxHost {
    /// The shim's process, found without its lock; `nil` if there is none. A shim is in its cgroup
    /// from when its signals are blocked until its end. The helpers beside it have its command
    /// line, and none of its descriptors.
    func shimProcess(_ pod: UID) throws(SystemCallFailure) -> Int32? {
        let cgroup = Cgroup(path: layout.cgroup(pod) + "/shim", hierarchies: facts.hierarchies)
        return try cgroup.processes().sorted().first { isShim($0, of: pod) }
    }

    private func isShim(_ pid: Int32, of pod: UID) -> Bool {
        let words = ProcFS.commandLine(of: pid) ?? []
        guard words.count > 3, words[1] == "pod", words[3] == "\(pod)" else { return false }
        let lock = "/proc/\(pid)/fd/\(ShimSettings.lockDescriptor)"
        return Files.linkTarget(lock)?.starts(with: "\(layout.pod(pod))/lock".utf8) ?? false
    }

    /// Asks the shim to make its lock and its socket again. Older shims block the signal, and
    /// nothing comes of it.
    func askToShow(_ pod: UID) throws(SystemCallFailure) {
        // Looked at with the descriptor open, so that the number cannot change hands in between.
        guard let pid = try shimProcess(pod), let process = PidDescriptor.opening(pid),
            isShim(pid, of: pod)
        else { return }
        process.send(ShimSettings.showSignal)
    }

    /// The shim's program, which is installed again if somebody has removed it.
    func shimProgram() throws(SystemCallFailure) -> String { try runtime.shimProgram() }
}

extension SystemCallFailure {
    /// Whether a shim's socket was not there (ENOENT, ENOTDIR), or nobody listened on it
    /// (ECONNREFUSED).
    var isWithoutSocket: Bool { [2, 20, 111].contains(errno) }
}
