// The end of a child of the daemon's: waited for without blocking, and its exit taken.

package import Linux

@Loop package enum ChildEnd {
    /// By its pidfd, or where none can be had (EMFILE) by looking; `nil` where it is no child.
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

    /// Where it cannot be watched, whoever waits looks again after a while.
    package static func readable(_ number: CInt) async {
        do throws(SystemCallFailure) { try await Loop.shared.reactor.readable(number) } catch {
            await Loop.shared.reactor.pause(milliseconds: 20)
        }
    }
}
