// The daemon's own metrics from /proc, with the names of Prometheus's client libraries.

import Bytes
import Glibc
import Linux
import Metrics

enum ProcessMetrics {
    /// Updates the metrics before a scrape. A value that /proc does not show keeps its last state.
    static func update(_ metrics: Metrics) {
        if let pages = fields("/proc/self/statm").dropFirst().first.flatMap({ Int($0) }) {
            metrics.residentMemory.set(Double(pages * sysconf(CInt(_SC_PAGESIZE))))
        }
        if let ticks = cpuTicks() {
            metrics.cpuTime.raise(to: Double(ticks) / Double(sysconf(CInt(_SC_CLK_TCK))))
        }
        if let count = descriptors() { metrics.openDescriptors.set(Double(count)) }
    }

    /// Sets the metrics that do not change while the daemon runs.
    static func describe(_ metrics: Metrics) {
        #if DEBUG
            let build = "debug"
        #else
            let build = "release"
        #endif
        metrics.buildInfo.set(1, StaunchVersion.text, build)
        guard let ticks = ProcFS.startTicks(of: getpid()) else { return }
        let perSecond = Double(sysconf(CInt(_SC_CLK_TCK)))
        let age = Double(SystemClock.sinceBoot) / 1e9 - Double(ticks) / perSecond
        metrics.startTime.set(Double(SystemClock.wall) / 1000 - age)
    }

    /// utime and stime, fields 14 and 15 (proc(5)). Our own name, the second field, contains no
    /// blank.
    private static func cpuTicks() -> Int? {
        let stat = fields("/proc/self/stat")
        guard stat.count > 14, let user = Int(stat[13]), let system = Int(stat[14]) else {
            return nil
        }
        return user + system
    }

    /// Excludes the descriptor through which the directory is read.
    private static func descriptors() -> Int? {
        do { return try Files.names(in: "/proc/self/fd").count - 1 } catch { return nil }
    }

    private static func fields(_ path: String) -> [String] {
        do { return try Files.text(path).fields(" ") } catch { return [] }
    }
}
