// The resources of a daemon and its pods on the machine, by name: taken twice and compared.
//
// This is the instrument of LAWS.md's Lv2, so it shares nothing with its subject: no code of the
// engine and no record of the daemon. It reads /proc, /sys, cgroupfs and the directories
// themselves, and it changes nothing. The tests use it, and `staunch-census` prints it.

import Bytes

/// One line for each resource, such as `mount mnt:[4026531841] /run/staunch/pods/x/rootfs overlay`.
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
        addNetworks(marks)
        if marks.hostNetwork { addHostNetwork() }
        if marks.pluginRules { addPluginRules() }
        addCgroups(marks)
        addFiles(marks)
        for source in marks.bindSources { addBindSource(source) }
    }

    /// A census that was taken earlier and stored.
    package init(names: some Sequence<String>) { self.names = Set(names) }

    /// The names that appeared and disappeared since `before`.
    package func changes(since before: Census) -> (came: [String], went: [String]) {
        (
            came: names.subtracting(before.names).sorted(),
            went: before.names.subtracting(names).sorted()
        )
    }

    /// The same as lines: `+` appeared, `-` disappeared.
    package func difference(from before: Census) -> String {
        let (came, went) = changes(since: before)
        return (came.map { "+ " + $0 } + went.map { "- " + $0 }).joined(separator: "\n")
    }

    /// Whether they differ, but only in sockets. The kernel does not produce its list of sockets
    /// atomically, so such a difference deserves another census. A real leak is still there then.
    package func differsOnlyInSockets(from other: Census) -> Bool {
        let difference = names.symmetricDifference(other.names)
        return !difference.isEmpty && difference.allSatisfy { $0.begins(with: "socket ") }
    }

    /// The places that could not be read, in the order of their names. If a place could be read
    /// neither before nor after, it makes no difference and proves nothing.
    package var unreadable: [String] { names.filter { $0.begins(with: "unreadable ") }.sorted() }

    /// An unreadable place is listed too, because an instrument that sees nothing proves nothing.
    mutating func addUnreadable(_ path: String, _ reason: String) {
        names.insert("unreadable \(path): \(reason)")
    }
}
