// Starting programs and helpers.

import CLinux
import Failpoints
import Glibc

/// A program to run. Its environment is exactly what stands here.
package struct Command: Sendable {
    package let path: String
    /// With the program's name first.
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

    /// For the daemon: posix_spawn(3), in a session of its own. `descriptors` become 0, 1, 2 … of
    /// the child, and it has no others. The caller reaps it.
    package func spawn(descriptors: [CInt]) throws(SystemCallFailure) -> Int32 {
        var pid: pid_t = 0
        // SAFETY: the C strings are freed after the call, which has copied them.
        let result = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(pointed(environment)) { envp in
                effect("process.spawn", .noMemory) {
                    // It returns what went wrong, and leaves errno alone.
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

    /// For the shim, which has one thread: fork and exec, in a session of its own. The child runs
    /// `prepare` first, and ends with 1 if that is `false`. The caller reaps it; 127 is its code if
    /// the program cannot be run.
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
    /// For a helper: the calling process becomes the program, with the descriptors that it has.
    /// Returns only why it does not.
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

/// For the shim alone, which has one thread: a child that runs `body` with descriptors 0, 1 and 2
/// and those in `keeping`, in the mount namespace `mounts` where that is given, and ends with its
/// result. The caller reaps it.
package func forkHelper(
    keeping descriptors: [CInt] = [], mounts: CInt = -1, _ body: () -> CInt
) throws(SystemCallFailure) -> Int32 {
    // What comes after the fork is a point of both.
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

/// Ends the calling process, without any clean-up of the C library's.
package func endProcess(_ code: CInt) -> Never {
    failpoint("process.end")
    _exit(code)
}

private func withCStrings(
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
