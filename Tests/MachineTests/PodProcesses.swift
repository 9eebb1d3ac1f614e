// The processes of a daemon's pods, as tests look for them.

import Census

extension Daemon {
    /// How many processes of its pods sleep for so many seconds, or for a number that begins so.
    func sleepers(_ word: String) -> Int {
        Census.marked(marks).count { pid in
            text(of: "/proc/\(pid)/cmdline")?.contains("sleep\0" + word) ?? false
        }
    }

    /// Its shims, and their children that keep execs.
    var shims: [Int32] { programs("pod") }

    /// Whether a runtime works on one of its pods.
    var hasRuntime: Bool {
        Census.marked(marks).contains { text(of: "/proc/\($0)/comm") == "runc\n" }
    }

    /// The helpers that carry connections to ports.
    var forwarders: [Int32] { programs("forward") }

    private func programs(_ verb: String) -> [Int32] {
        Census.marked(marks).filter { pid in
            text(of: "/proc/\(pid)/cmdline")?.contains("staunch-shim\0" + verb) ?? false
        }
    }
}

/// The anonymous memory of a process that is resident (proc(5), RssAnon); `nil` if it has ended.
func anonymousKibibytes(of pid: Int32) -> Int? {
    text(of: "/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("RssAnon") }?
        .split(separator: " ").compactMap { Int($0) }.first
}
