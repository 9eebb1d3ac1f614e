// Runs programs: short programs, and programs for the whole run.

import Glibc
import Kernel
import Linux

enum Program {
    /// The path of a program from PATH; `nil` if it is not installed.
    static func find(_ name: String) -> String? {
        let path = Environment.value(of: "PATH") ?? "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: Files.isExecutable)
    }

    /// Runs a program to its end and returns its exit code; 0 means success.
    static func run(_ words: [String]) throws(SystemCallFailure) -> Int32 {
        let child = try Child(words)
        return child.wait()?.code ?? -1
    }
}

/// A child process. The code that made it must wait for it.
final class Child: Sendable {
    let pid: Int32
    private let handle: PidDescriptor

    /// `output` is a file to append to; without it the output is discarded.
    init(
        _ words: [String], output: String? = nil, environment: [String] = Command.path
    ) throws(SystemCallFailure) {
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        let log = try OwnedDescriptor.opening(
            output ?? "/dev/null", O_WRONLY | O_APPEND | O_CREAT, mode: 0o644)
        pid = try Command(words, environment: environment)
            .spawn(descriptors: [null.number, log.number, log.number])
        // The child is not reaped yet, so its pid cannot be reused.
        guard let handle = PidDescriptor.opening(pid) else {
            throw SystemCallFailure(call: "pidfd_open", subject: words[0], errno: ESRCH)
        }
        self.handle = handle
    }

    var hasEnded: Bool { handle.hasEnded() }

    func signal(_ number: CInt) { handle.send(number) }

    /// Waits for the end; `nil` if other code has already taken the exit.
    @discardableResult
    func wait() -> ChildExit? { handle.waitForExit() }

    /// Sends SIGTERM, and SIGKILL if the child does not end in time.
    func end(within seconds: Double = 10) {
        signal(SIGTERM)
        if !Churn.wait(atMost: seconds, { hasEnded }) { signal(SIGKILL) }
        wait()
    }

    func kill() {
        signal(SIGKILL)
        wait()
    }
}
