// What a shim knows of a task. It comes with the task's first request, so that the shim needs no
// daemon to run the task or to remove it.

package struct TaskDocument: Equatable, Sendable {
    /// The path of the runtime's program.
    package let runtime: String
    /// The container's id. The runtime names kernel objects after the id alone; runc joins the
    /// session keyring by that name. So the id is unique on the host for all time, and not even a
    /// later task of the same name shares a keyring.
    package let id: String
    /// The lowest layer of the rootfs: an absolute path on the host.
    package let lower: String
    /// `user[:group]`, each a number or a name of the rootfs.
    package let user: String
    /// Whether the runtime starts the task as soon as it has made the task.
    package let startsAtOnce: Bool
    /// Additional groups of the first process, each a number or a name of the rootfs.
    package let groups: [String]
    /// Whether the groups of the rootfs that name the user are added; `nil`: only if `user` names
    /// no group.
    package let groupsFromRootfs: Bool?
    /// Whether the runtime makes no task if it sees a v2 tree beside v1's hierarchies, as crun.
    package let refusesHybrid: Bool
    package let log: LogLimits

    /// The name of an empty file in the task's bundle. If it exists, the shim verifies that each
    /// attempt has a seccomp filter. Older shims do not know it.
    package static let filterMark = "filtered"

    package init(
        runtime: String, id: String, lower: String, user: String, startsAtOnce: Bool,
        groups: [String] = [], groupsFromRootfs: Bool? = nil, refusesHybrid: Bool = false,
        log: LogLimits = LogLimits()
    ) {
        self.runtime = runtime
        self.id = id
        self.lower = lower
        self.user = user
        self.startsAtOnce = startsAtOnce
        self.groups = groups
        self.groupsFromRootfs = groupsFromRootfs
        self.refusesHybrid = refusesHybrid
        self.log = log
    }
}

extension TaskDocument {
    func write(_ writer: inout WireWriter) {
        for text in [runtime, id, lower, user] { writer.put(text) }
        writer.put(flag: startsAtOnce)
        writer.put(list: groups) { writer, group in writer.put(group) }
        writer.put(optional: groupsFromRootfs) { writer, flag in writer.put(flag: flag) }
        writer.put(flag: refusesHybrid)
        log.write(&writer)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> TaskDocument {
        TaskDocument(
            runtime: try reader.text(), id: try reader.text(), lower: try reader.text(),
            user: try reader.text(), startsAtOnce: try reader.flag(),
            groups: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.text()
            },
            groupsFromRootfs: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.flag()
            },
            refusesHybrid: try reader.flag(), log: try LogLimits.read(&reader))
    }
}
