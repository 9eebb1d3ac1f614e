// Shims whose files were removed by a cleaner such as systemd-tmpfiles, or by an administrator.
//
// A shim lives on without its lock, its socket and even its folder, and so do its tasks. The daemon
// then finds it by its cgroup, and asks it by a signal to make the files again.

import Host
import Kernel
import Linux
import Model
import ShimProtocol

extension LinuxHost {
    /// Finds the shim's process without its lock; `nil` if there is none. A shim is in its cgroup
    /// from when its signals are blocked until its end. The helpers in that cgroup have its command
    /// line, but none of its descriptors.
    func shimProcess(_ pod: UID) throws(SystemCallFailure) -> Int32? {
        let cgroup = Cgroup(path: layout.cgroup(pod) + "/shim", hierarchies: kernel.hierarchies)
        return try cgroup.processes().sorted().first { isShim($0, of: pod) }
    }

    private func isShim(_ pid: Int32, of pod: UID) -> Bool {
        let words = ProcFS.commandLine(of: pid) ?? []
        guard words.count > 3, words[1] == "pod", words[3] == "\(pod)" else { return false }
        let lock = "/proc/\(pid)/fd/\(ShimSettings.lockDescriptor)"
        return Files.linkTarget(lock)?.starts(with: "\(layout.pod(pod))/lock".utf8) ?? false
    }

    /// Asks the shim to make its lock and its socket again. Older shims block the signal, so the
    /// request has no effect on them.
    func askToShow(_ pod: UID) throws(SystemCallFailure) {
        // The process is checked with the descriptor open, so that the pid cannot be reused in
        // between.
        guard let pid = try shimProcess(pod), let process = PidDescriptor.opening(pid),
            isShim(pid, of: pod)
        else { return }
        process.send(ShimSettings.showSignal)
    }

    /// Returns the shim's program, and installs it again if it was removed.
    func shimProgram() throws(SystemCallFailure) -> String { try runtime.shimProgram() }
}
