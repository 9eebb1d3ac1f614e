// The documents of the plugin helper: which programs it runs, what it removes, and what it saw.

/// The work of one plugin helper, in this order: the note, the chains, the remains.
package struct WirePluginWork: Equatable, Sendable {
    /// The shim whose network namespace the plugins are given by its path. If it is gone, the
    /// programs are not run, because the pid may be another process's.
    package var shim: WireProcess?
    /// A file to write before the first program runs.
    package var note: WireNote?
    package var chains: [WireChain]
    /// What to remove and to look for, once each program of each chain has succeeded.
    package var remains: WireRemains?

    package init(
        shim: WireProcess? = nil, note: WireNote? = nil, chains: [WireChain] = [],
        remains: WireRemains? = nil
    ) {
        self.shim = shim
        self.note = note
        self.chains = chains
        self.remains = remains
    }
}

/// A process by its pid and its start.
package struct WireProcess: Equatable, Sendable {
    package var pid: Int32
    package var startTicks: UInt64

    package init(pid: Int32, startTicks: UInt64) {
        self.pid = pid
        self.startTicks = startTicks
    }
}

/// A file of ours on a disk.
package struct WireNote: Equatable, Sendable {
    package var directory: String
    package var name: String
    package var content: [UInt8]

    package init(directory: String, name: String, content: [UInt8] = []) {
        self.directory = directory
        self.name = name
        self.content = content
    }
}

/// Programs that run one after another. The first that fails ends its chain, and no other.
package struct WireChain: Equatable, Sendable {
    package var programs: [WireProgram]

    package init(_ programs: [WireProgram]) { self.programs = programs }
}

/// One program.
package struct WireProgram: Equatable, Sendable {
    /// The name of its file.
    package var name: String
    /// The first of them that has the file is taken.
    package var directories: [String]
    package var arguments: [String]
    /// The whole environment.
    package var environment: [String]
    package var input: [UInt8]
    /// The bytes of standard output that are kept.
    package var limit: UInt32

    package init(
        name: String, directories: [String], arguments: [String] = [], environment: [String],
        input: [UInt8] = [], limit: UInt32
    ) {
        self.name = name
        self.directories = directories
        self.arguments = arguments
        self.environment = environment
        self.input = input
        self.limit = limit
    }
}

/// The objects that plugins may have left of a pod.
package struct WireRemains: Equatable, Sendable {
    /// The pod's uid, which is the container id of the plugins.
    package var uid: String
    /// Texts that only rules and chains of the pod contain.
    package var marks: [String]
    /// The pod's interfaces in the host's network namespace.
    package var links: [WireLink]
    /// Directories of host-local.
    package var folders: [String]
    /// The file to remove at the end, if nothing is left.
    package var note: WireNote?

    package init(
        uid: String, marks: [String], links: [WireLink] = [], folders: [String] = [],
        note: WireNote? = nil
    ) {
        self.uid = uid
        self.marks = marks
        self.links = links
        self.folders = folders
        self.note = note
    }
}

/// An interface, as a plugin's result names it.
package struct WireLink: Equatable, Sendable {
    package var name: String
    /// Six bytes; empty if the result has none.
    package var mac: [UInt8]

    package init(name: String, mac: [UInt8]) {
        self.name = name
        self.mac = mac
    }
}

/// What the plugin helper did.
package struct WirePluginReport: Equatable, Sendable {
    /// For each chain, the ends of the programs that ran.
    package var chains: [[WireProgramEnd]]
    /// `nil` if nothing was seen.
    package var remains: WireRemainsSeen?

    package init(chains: [[WireProgramEnd]] = [], remains: WireRemainsSeen? = nil) {
        self.chains = chains
        self.remains = remains
    }
}

/// The end of one program.
package struct WireProgramEnd: Equatable, Sendable {
    package enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
        /// The program did not run, for the reason in the text.
        case notStarted(String, errno: Int32)
    }

    package var end: End
    package var output: [UInt8]
    package var errors: [UInt8]
    /// Whether the output had more bytes than are kept.
    package var isCut: Bool

    package init(end: End, output: [UInt8] = [], errors: [UInt8] = [], isCut: Bool = false) {
        self.end = end
        self.output = output
        self.errors = errors
        self.isCut = isCut
    }
}

/// What a remains saw at its end.
package struct WireRemainsSeen: Equatable, Sendable {
    /// The tables of nftables that contain one of the marks, such as `ip nat`.
    package var tables: [String]
    /// Whether the host has tables of the older iptables, which nftables does not show.
    package var hasOlderTables: Bool

    package init(tables: [String], hasOlderTables: Bool) {
        self.tables = tables
        self.hasOlderTables = hasOlderTables
    }
}
