// Starts programs and helpers.

import CLinux
import Failpoints
import Glibc
package import Kernel

/// A program to run. Its environment is exactly `environment`.
package struct Command: Sendable {
    package let path: String
    /// The first one is the program's name.
    package let arguments: [String]
    package let environment: [String]

    package init(_ arguments: [String], path: String? = nil, environment: [String] = Command.path) {
        self.path = path ?? arguments[0]
        self.arguments = arguments
        self.environment = environment
    }

    package static let path = [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ]

    /// For the daemon: posix_spawn(3), in a new session. `descriptors` become the child's 0, 1, 2
    /// …; it has no others. The caller reaps it.
    package func spawn(descriptors: [CInt]) throws(SystemCallFailure) -> Int32 {
        var pid: pid_t = 0
        // SAFETY: the C strings are freed after the call, which has copied them.
        let result = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(pointed(environment)) { envp in
                effect("process.spawn", .noMemory) {
                    // posix_spawn returns the error number, and does not set errno.
                    let failure = unsafe clinux_spawn(
                        path, argv, envp, descriptors, descriptors.count, &pid)
                    if failure != 0 { errno = failure }
                    return failure == 0 ? 0 : -1
                }
            }
        }
        try check(result, "posix_spawn", path)
        return pid
    }

    /// For the shim, which has one thread: fork and exec, in a new session. The child runs
    /// `prepare` first, and exits with 1 if that returns `false`. The caller reaps the child; its
    /// exit code is 127 if the program cannot be executed.
    package func forkAndExec(
        in input: CInt, out: CInt, err: CInt, prepare: () -> Bool
    ) throws(SystemCallFailure) -> Int32 {
        // SAFETY: the C strings are freed after the call; the child has copies of its own.
        let pid = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(pointed(environment)) { envp in
                effect("process.exec", .noMemory) {
                    let pid = clinux_fork()
                    guard pid == 0 else { return pid }
                    if !prepare() { _exit(1) }
                    unsafe clinux_exec(path, argv, envp, input, out, err)
                }
            }
        }
        return try check(pid, "fork", path)
    }
}

extension Command {
    /// For a helper: executes the program in the calling process, which keeps its descriptors.
    /// Returns only on failure.
    package func become() -> SystemCallFailure {
        // SAFETY: the C strings live for the call.
        let failure = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(environment) { envp in
                _ = unsafe execve(path, argv, envp)
                return errno
            }
        }
        return SystemCallFailure(call: "execve", subject: path, errno: failure)
    }
}

/// For the shim only, which has one thread: forks a child that runs `body` and exits with its
/// result. The child keeps descriptors 0, 1, 2 and `keeping`, and enters the mount namespace
/// `mounts` if it is given. The caller reaps it.
package func forkHelper(
    keeping descriptors: [CInt] = [], mounts: CInt = -1, _ body: () -> CInt
) throws(SystemCallFailure) -> Int32 {
    // A failpoint after the fork fires in both processes.
    let pid = try check(
        effect("process.fork", .noMemory) { clinux_fork() }, "fork", "helper")
    guard pid == 0 else { return pid }
    if mounts >= 0 && clinux_enter_mounts(mounts) < 0 { _exit(1) }
    let kept = descriptors.sorted()
    // SAFETY: the array lives for the call.
    unsafe clinux_close_from(3, kept, kept.count)
    let code = body()
    failpoint("process.end")
    _exit(code)
}

/// Ends the calling process, without the C library's cleanup.
package func endProcess(_ code: CInt) -> Never {
    failpoint("process.end")
    _exit(code)
}

func withCStrings(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> CInt
) -> CInt {
    // SAFETY: each copy is NUL-terminated and freed after `body`; the array ends in NULL.
    var copies = unsafe strings.map { unsafe strdup($0) }
    unsafe copies.append(nil)
    defer { unsafe copies.forEach { unsafe free($0) } }
    return unsafe copies.withUnsafeBufferPointer { buffer in
        guard let first = buffer.baseAddress else { return -1 }
        return unsafe body(first)
    }
}
