// Waits for the end of one of the daemon's children without blocking, and takes its exit.

import Kernel
package import Linux

@Loop package enum ChildEnd {
    /// Waits by the child's pidfd, or by polling if there is no pidfd (EMFILE). Returns `nil` if
    /// the process is not a child.
    package static func of(_ pid: Int32) async -> ChildExit? {
        if let process = PidDescriptor.opening(pid) { await readable(process.descriptor.number) }
        while true {
            switch Children.take(pid) {
            case .exit(let exit): return exit
            case .lives: await Loop.shared.reactor.pause(milliseconds: 20)
            case .stranger: return nil
            }
        }
    }

    /// Returns once `number` is readable. If it cannot be watched, returns after a while, and the
    /// caller looks again.
    package static func readable(_ number: CInt) async {
        do throws(SystemCallFailure) { try await Loop.shared.reactor.readable(number) } catch {
            await Loop.shared.reactor.pause(milliseconds: 20)
        }
    }
}
