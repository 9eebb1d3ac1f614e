// Running programs: those that end soon, and those that stay for the run.

import Glibc
import Linux

enum Program {
    /// Where PATH has it; `nil` where it is not installed.
    static func find(_ name: String) -> String? {
        let path = Environment.value(of: "PATH") ?? "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return path.split(separator: ":").map { "\($0)/\(name)" }.first(where: Files.isExecutable)
    }

    /// Runs it to its end; 0 is its code where all went well.
    static func run(_ words: [String]) throws(SystemCallFailure) -> Int32 {
        let child = try Child(words)
        return child.wait()?.code ?? -1
    }
}

/// A child of ours. Who made it waits for it.
final class Child: Sendable {
    let pid: Int32
    private let handle: PidDescriptor

    /// `output` is a file that is appended to; without it nothing is kept.
    init(
        _ words: [String], output: String? = nil, environment: [String] = Command.path
    ) throws(SystemCallFailure) {
        let null = try OwnedDescriptor.opening("/dev/null", O_RDWR)
        let log = try OwnedDescriptor.opening(
            output ?? "/dev/null", O_WRONLY | O_APPEND | O_CREAT, mode: 0o644)
        pid = try Command(words, environment: environment)
            .spawn(descriptors: [null.number, log.number, log.number])
        // Not reaped yet, so the number is still its own.
        guard let handle = PidDescriptor.opening(pid) else {
            throw SystemCallFailure(call: "pidfd_open", subject: words[0], errno: ESRCH)
        }
        self.handle = handle
    }

    var hasEnded: Bool { handle.hasEnded() }

    func signal(_ number: CInt) { handle.send(number) }

    /// Waits for its end; `nil` where somebody has taken the exit before.
    @discardableResult
    func wait() -> ChildExit? { handle.waitForExit() }

    /// Asks it to end, and makes it where it does not.
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
