// What a runtime keeps of a container between its calls, and when the runtime's own `delete` has
// nothing to add.

import Bytes
import Linux

enum RuntimeState {
    /// The file that tells the runtime, and the others that it may have beside it: runc's, crun's.
    private static let known: [(mark: String, others: Set<String>)] = [
        ("state.json", ["exec.fifo"]),
        ("status", ["config.json", "exec.fifo", "seccomp.bpf"]),
    ]

    /// Whether `directory`, a task's, contains the state of runc or crun and nothing else. Once the
    /// task's processes have ended, their `delete` removes that state and the container's cgroups
    /// (our bundles have no hooks), which the shim does and verifies anyway. Any other runtime may
    /// have more to put away, such as a virtual machine, so it has to be asked.
    static func isPlain(_ directory: String) throws(SystemCallFailure) -> Bool {
        let names = try Files.names(in: directory)
        if isPlain(names) { return true }  // of a daemon from before, whose root was the pod's
        guard names.count == 1 else { return false }
        return isPlain(try Files.names(in: "\(directory)/\(names[0])"))
    }

    private static func isPlain(_ names: [String]) -> Bool {
        known.contains { runtime in
            names.contains(runtime.mark)
                && names.allSatisfy { $0 == runtime.mark || runtime.others.contains($0) }
        }
    }
}
