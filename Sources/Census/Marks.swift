// How ours are known among all that is on the machine.

import Linux

extension Census {
    /// What is below one of the directories is ours, and each cgroup below the parent; so is every
    /// process that is in one, or whose command line names one.
    package struct Marks: Equatable, Sendable {
        package let runDirectory: String
        package let dataDirectory: String
        package let logDirectory: String
        package let cgroupParent: String
        /// What users let pods see of theirs: it stays as it is, byte for byte.
        package let bindSources: [String]
        /// Whether the host's own interfaces, bridge ports and held addresses are listed. They bear
        /// no mark of ours: what others do with the network meanwhile is among them.
        package let hostNetwork: Bool
        /// Whether what the living daemon itself holds is counted: descriptors, but for its
        /// clients' connections, and children whose exit it has not taken.
        package let daemonToo: Bool
        /// The directories as /proc names what is in them: with a slash at the end, since another's
        /// name may go on where ours ends, and without a link on the way.
        let below: [[UInt8]]

        /// `also` names directories that mark what is in them without being looked through.
        package init(
            runDirectory: String, dataDirectory: String, logDirectory: String,
            cgroupParent: String, also: [String] = [], bindSources: [String] = [],
            hostNetwork: Bool = true, daemonToo: Bool = true
        ) {
            self.runDirectory = runDirectory
            self.dataDirectory = dataDirectory
            self.logDirectory = logDirectory
            self.cgroupParent = cgroupParent
            self.bindSources = bindSources
            self.hostNetwork = hostNetwork
            self.daemonToo = daemonToo
            let directories = [runDirectory, dataDirectory, logDirectory] + also
            let spellings = directories + directories.compactMap(Path.real)
            below = Set(spellings.map { Array("\($0)/".utf8) }).sorted { $0.count < $1.count }
        }

        /// The directories that are looked through.
        var roots: [String] { [runDirectory, dataDirectory, logDirectory] }

        /// Whether something of ours is named in there.
        package func areIn(_ text: some Collection<UInt8>) -> Bool {
            below.contains { text.contains(bytes: $0) }
        }

        /// Whether this is `/proc/<pid>/cgroup` of a process at or below the parent.
        func areInCgroups(_ lines: [UInt8]) -> Bool {
            let parent = Array(cgroupParent.utf8)
            return lines.split(separator: newline).contains { line in
                let fields = line.split(
                    separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
                guard fields.count == 3, fields[2].starts(with: parent) else { return false }
                let rest = fields[2].dropFirst(parent.count)
                return rest.isEmpty || rest.first == UInt8(ascii: "/")
            }
        }
    }
}
