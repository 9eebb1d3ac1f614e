// Whether the shim starts the program of a health check by itself, instead of the runtime.
//
// The daemon has written the program's file only if it knows all that the runtime does with the
// task. The rest is looked at before each check. The runtime starts the program in any other case.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct CheckProgram {
    /// `nil` if the runtime has to start the program.
    private(set) var program: TaskProgram?

    /// `process` is the task's first one. See `Shim.witnesses(of:)`.
    init(_ process: Int32, bundle: String, witnesses: [String]?) {
        guard let witnesses else { return }
        do {
            for mark in witnesses where try !Files.exists(mark) { return }
            guard try CheckProgram.staysHidden(), !CheckProgram.isLabeled(process) else {
                return
            }
            let path = "\(bundle)/\(TaskProgram.fileName)"
            program = try TaskProgram.parse(
                fileContent: try Files.read(path, limit: TaskProgram.fileLimit))
        } catch {}
    }

    /// Whether a process that changes its user stays hidden from others of that user (proc(5)).
    private static func staysHidden() throws(SystemCallFailure) -> Bool {
        let setting = try Files.text("/proc/sys/fs/suid_dumpable")
        return !setting.begins(with: "1")
    }

    /// Whether a security module confines the task, or us, so that the runtime would have to set a
    /// label (AppArmor, SELinux).
    private static func isLabeled(_ process: Int32) -> Bool {
        ["self", "\(process)"].contains { name in
            do throws(SystemCallFailure) {
                let label = try Files.text("/proc/\(name)/attr/current")
                return label.fields("\n").first.map { !$0.isSame(as: "unconfined") } ?? false
            } catch { return error.errno != 22 }  // EINVAL: no module has labels
        }
    }
}

extension Shim {
    /// The files that have to exist, because processes of other tasks see those of this one; `nil`
    /// if a runtime is about to make a process that may trace it.
    func witnesses(of slot: TaskSlot) -> [String]? {
        guard settings.sharesPID else { return [] }
        let others = slots.values.filter { $0 !== slot }
        if others.contains(where: { $0.job?.kind == .create }) { return nil }
        return others.filter { $0.process != nil }
            .map { "\($0.paths.bundle)/\(TaskProgram.blindMark)" }
    }
}
