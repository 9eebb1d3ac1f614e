// The files that a runtime keeps for a container between its calls, and whether its own `delete`
// has anything left to do.

import Bytes
import Kernel
import Linux

enum RuntimeState {
    /// The file that identifies the runtime, and its other possible files: first runc's, then
    /// crun's.
    private static let known: [(mark: String, others: Set<String>)] = [
        ("state.json", ["exec.fifo"]),
        ("status", ["config.json", "exec.fifo", "seccomp.bpf"]),
    ]

    /// Whether a task's `directory` contains the state of runc or crun and nothing else. After the
    /// task's processes have ended, their `delete` removes that state and the container's cgroups.
    /// Our bundles have no hooks, and the shim removes both and verifies that anyway. Another
    /// runtime may have more to remove, such as a virtual machine, so the shim runs its `delete`.
    static func isPlain(_ directory: String) -> Bool {
        do throws(SystemCallFailure) {
            let names = try Files.names(in: directory)
            // An older daemon used the pod's directory as the root.
            if isPlain(names) { return true }
            guard names.count == 1 else { return false }
            return isPlain(try Files.names(in: "\(directory)/\(names[0])"))
        } catch { return false }  // no directory of theirs
    }

    private static func isPlain(_ names: [String]) -> Bool {
        known.contains { runtime in
            names.contains(runtime.mark)
                && names.allSatisfy { $0 == runtime.mark || runtime.others.contains($0) }
        }
    }
}
