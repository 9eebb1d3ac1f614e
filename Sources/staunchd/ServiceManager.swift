// The service manager's interface: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).

import Bytes
import Linux

/// Taken once at the start and removed from the environment, because it is only for this process.
struct ServiceManager {
    struct PassedDescriptor {
        let number: CInt
        /// Its FileDescriptorName=, or another value if none was set.
        let name: String
    }

    /// The address for notifications; `nil` if none are wanted.
    let address: UnixAddress?
    /// Nanoseconds until the next report is due; `nil` if there is no watchdog.
    let watchdog: Int64?
    let descriptors: [PassedDescriptor]

    /// Must be called before any thread is made.
    static func taken() -> ServiceManager {
        let own = String(OwnProcess.pid)
        let microseconds = Environment.take("WATCHDOG_USEC").flatMap { Int64($0) }
        let isWatched = Environment.take("WATCHDOG_PID").map { $0 == own } ?? true
        return ServiceManager(
            address: Environment.take("NOTIFY_SOCKET").flatMap(UnixAddress.init),
            watchdog: microseconds.flatMap { isWatched ? nanoseconds($0) : nil },
            descriptors: passed(to: own))
    }

    private static func nanoseconds(_ microseconds: Int64) -> Int64? {
        let (product, overflows) = microseconds.multipliedReportingOverflow(by: 1000)
        return microseconds > 0 && !overflows ? product : nil
    }

    /// The descriptors begin at 3. They are ours only if LISTEN_PID is our pid.
    private static func passed(to own: String) -> [PassedDescriptor] {
        let pid = Environment.take("LISTEN_PID")
        let count = Environment.take("LISTEN_FDS").flatMap { Int32($0) } ?? 0
        let names = (Environment.take("LISTEN_FDNAMES") ?? "").fields(":", keepingEmpty: true)
        guard pid == own, (1...1024).contains(count) else { return [] }
        return (0..<count).map { index in
            PassedDescriptor(
                number: 3 + index, name: Int(index) < names.count ? names[Int(index)] : "unknown")
        }
    }
}
