// The marks by which the census recognizes our resources.

import Linux

extension Census {
    /// Ours are: everything below one of the directories, each cgroup below the parent, and every
    /// process in such a cgroup. A process is ours too if its command line names one of the
    /// directories.
    package struct Marks: Equatable, Sendable {
        package let runDirectory: String
        package let dataDirectory: String
        package let logDirectory: String
        package let cgroupParent: String
        /// Files of users that pods can see: they must not change by a single byte.
        package let bindSources: [String]
        /// Whether the host's own interfaces, bridge ports and held addresses are listed. They have
        /// no mark of ours, so changes by other programs are included.
        package let hostNetwork: Bool
        /// Whether the rules and chains of network plugins are listed, which have no mark of ours,
        /// either.
        package let pluginRules: Bool
        /// Whether the resources of the living daemon are counted: its descriptors, except its
        /// clients' connections, and children whose exit it has not taken.
        package let daemonToo: Bool
        /// The directories as /proc names them: without links, and with a slash at the end, because
        /// another directory's name may begin with ours.
        let below: [[UInt8]]

        /// `also` names directories that mark their content but are not walked.
        package init(
            runDirectory: String, dataDirectory: String, logDirectory: String,
            cgroupParent: String, also: [String] = [], bindSources: [String] = [],
            hostNetwork: Bool = true, pluginRules: Bool? = nil, daemonToo: Bool = true
        ) {
            self.runDirectory = runDirectory
            self.dataDirectory = dataDirectory
            self.logDirectory = logDirectory
            self.cgroupParent = cgroupParent
            self.bindSources = bindSources
            self.hostNetwork = hostNetwork
            self.pluginRules = pluginRules ?? hostNetwork
            self.daemonToo = daemonToo
            let directories = [runDirectory, dataDirectory, logDirectory] + also
            let spellings = directories + directories.compactMap(Path.real)
            below = Set(spellings.map { Array("\($0)/".utf8) }).sorted { $0.count < $1.count }
        }

        /// The directories that are walked.
        var roots: [String] { [runDirectory, dataDirectory, logDirectory] }

        /// Whether the text contains a path below one of the directories.
        package func areIn(_ text: some Collection<UInt8>) -> Bool {
            below.contains { text.contains(bytes: $0) }
        }

        /// Whether a cgroup's path is at or below the cgroup of a pod of the daemon's whose client
        /// named another parent: `<mark>-<uid>`.
        func isOutside(_ path: some Sequence<UInt8>) -> Bool {
            let mark = Array("\(networkMark)-".utf8)
            return path.split(separator: UInt8(ascii: "/")).contains { name in
                name.starts(with: mark) && name.count == mark.count + 36
            }
        }

        /// Whether `lines` is the `/proc/<pid>/cgroup` of a process at or below the parent.
        func areInCgroups(_ lines: [UInt8]) -> Bool {
            let parent = Array(cgroupParent.utf8)
            return lines.split(separator: newline).contains { line in
                let fields = line.split(
                    separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
                guard fields.count == 3 else { return false }
                guard fields[2].starts(with: parent) else { return isOutside(fields[2]) }
                let rest = fields[2].dropFirst(parent.count)
                return rest.isEmpty || rest.first == UInt8(ascii: "/")
            }
        }
    }
}
