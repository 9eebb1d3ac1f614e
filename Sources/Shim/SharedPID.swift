// The PID namespace that the tasks of the pod share.
//
// Its first process is a child of the shim, as the first process of each task is. It reaps the
// tasks' other processes, once their parents have ended. However it ends, the kernel then ends all
// tasks.

import Kernel
import Linux
import ShimProtocol

extension Reaper {
    /// Starts it, and puts its namespace where the runtime finds it: a link to a descriptor of the
    /// shim's.
    convenience init(
        of settings: ShimSettings, program: borrowing OwnedDescriptor, shim: Int32
    ) throws(SystemCallFailure) {
        let empty = settings.podDirectory + "/empty"
        try Files.makeDirectory(empty)
        let root = try Mounts.cloneReadOnly(empty)
        try self.init(program: program, root: root, name: settings.name, uid: settings.uid)
        let path = ShimSettings.sharedPID(in: settings.podDirectory)
        try Files.removeFile(path)
        try Files.link(path, to: "/proc/\(shim)/fd/\(namespace.number)")
    }
}

extension Shim {
    /// Why no task can be made in the shared PID namespace; `nil` if one can.
    var withoutReaper: String? {
        settings.sharesPID && reaper == nil
            ? "the first process of the pod's PID namespace has ended" : nil
    }
}
