// What the unpacker may still do when it sees the first byte of a layer.
//
// It parses what strangers made, and has capabilities to make any file. So its root is the tree, it
// has no network, it cannot gain a privilege, and the kernel refuses calls that it does not need.
// Each of these is enough alone to keep it in the tree.

import Archive
import Kernel
import LayerProtocol
import Linux
import Seccomp

enum UnpackConfinement {
    /// What the entries of layers need. Whiteouts need no CAP_SYS_ADMIN because the marks are
    /// those of overlays with `userxattr` (Linux 5.11).
    private static let capabilities: Confinement.Capabilities = [
        .changeOwner, .overrideAccess, .actAsOwner, .keepSetID, .makeNodes, .setFileCapabilities,
    ]

    /// A zstd window has 128 MiB at most. A header that makes libarchive allocate without end then
    /// gets ENOMEM, and ends as a damaged layer.
    private static let memory: UInt64 = 256 << 20

    /// Makes `tree` the root, and returns it. `kept` are the descriptors that stay open.
    static func enter(
        _ tree: borrowing OwnedDescriptor, keeping kept: [CInt]
    ) throws(LayerRefusal) -> OwnedDescriptor {
        Charset.load()
        do {
            let root = try Confinement.enter(tree)
            try Confinement.limit(memory: memory, descriptors: 256)
            try Confinement.keep(capabilities)
            OwnProcess.closeDescriptors(except: kept + [root.number])
            try Confinement.onCrash(write: crashed, to: 1)
            try filter(calls + entryCalls)
            return root
        } catch { throw LayerRefusal(error) }
    }

    static func filter(_ calls: [String]) throws(SystemCallFailure) {
        do throws(FilterRefusal) {
            try CallFilter.permit(only: calls, refusing: ["ioctl", "prctl"])
        } catch {
            throw SystemCallFailure(call: "seccomp", subject: "\(error)", errno: 0)
        }
    }

    /// What any program of ours needs: reading, memory, and the end.
    static let calls = [
        "read", "pread64", "write", "writev", "pwrite64", "lseek", "close", "fstat", "newfstatat",
        "fcntl", "brk", "munmap", "mremap", "madvise", "futex", "getrandom", "clock_gettime",
        "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "restart_syscall", "getpid", "gettid",
        "tgkill", "exit", "exit_group", "sched_yield",
    ]

    /// What makes and removes entries.
    private static let entryCalls = [
        "openat", "openat2", "mkdirat", "mknodat", "symlinkat", "linkat", "unlinkat", "renameat",
        "renameat2", "fchown", "fchownat", "fchmod", "fchmodat", "utimensat", "ftruncate",
        "fsetxattr", "fremovexattr", "getdents64", "fstatfs", "fchdir", "getcwd",
    ]

    /// A crash is the layer's doing, and the next run would crash again: it is a refusal.
    static let crashed: StaticString = """
        {"state":"refused","code":"layer-refused","entry":"","detail":"the program crashed: \
        signal %d, refused system call %d","errno":""}

        """
}
