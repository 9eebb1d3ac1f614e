// What a daemon and its pods have on the machine, by name: taken before and after, and compared.
//
// This is the instrument of LAWS.md's Lv2, and so it shares nothing with what it measures: no code
// of the engine, no record of the daemon's. It reads /proc, /sys, cgroupfs and the directories
// themselves, and it changes nothing. The tests use it, `staunch-census` prints it.

import Bytes

/// One line for each thing, such as `mount mnt:[4026531841] /run/staunch/pods/x/rootfs overlay`.
package struct Census: Equatable, Sendable {
    package internal(set) var names: Set<String> = []

    package init(_ marks: Marks) {
        let processes = ProcessTable(marks)
        addProcesses(processes)
        addDescriptors(of: processes)
        if marks.daemonToo { addDaemon(of: processes, marks) }
        addMounts(marks, processes)
        addLoopDevices(marks)
        addNetworkNamespaces(of: processes)
        addHeldNamespaces(of: processes)
        addSockets(marks, processes)
        if marks.hostNetwork { addHostNetwork() }
        addCgroups(marks)
        addFiles(marks)
        for source in marks.bindSources { addBindSource(source) }
    }

    /// One that was taken earlier, as it was written down.
    package init(names: some Sequence<String>) { self.names = Set(names) }

    /// What came since `before`, and what went.
    package func changes(since before: Census) -> (came: [String], went: [String]) {
        (
            came: names.subtracting(before.names).sorted(),
            went: before.names.subtracting(names).sorted()
        )
    }

    /// The same in lines: `+` came, `-` went.
    package func difference(from before: Census) -> String {
        let (came, went) = changes(since: before)
        return (came.map { "+ " + $0 } + went.map { "- " + $0 }).joined(separator: "\n")
    }

    /// Whether they differ, and in nothing but sockets: the kernel does not tell their list in one
    /// piece, so such a difference is worth a second look. A leak is there then, too.
    package func differsOnlyInSockets(from other: Census) -> Bool {
        let difference = names.symmetricDifference(other.names)
        return !difference.isEmpty && difference.allSatisfy { $0.begins(with: "socket ") }
    }

    /// The places that could not be read, in the order of their names. A place that could be read
    /// neither before nor after makes no difference, and proves nothing.
    package var unreadable: [String] { names.filter { $0.begins(with: "unreadable ") }.sorted() }

    /// What cannot be read is said as well: an instrument that sees nothing proves nothing.
    mutating func addUnreadable(_ path: String, _ reason: String) {
        names.insert("unreadable \(path): \(reason)")
    }
}
