// The command line: the places of the census, and the census to compare it with.

import ArgumentParser
import Census
import Linux

struct CensusProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunch-census",
        abstract: "Lists everything that a daemon and its pods have on this host, or what changed.",
        discussion: discussion)

    @OptionGroup var places: Places

    @Option(
        help: ArgumentHelp(
            "Also write the census to this file, for a later --since.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Print the differences from the census in this file; exit with 1 if there are any.",
            valueName: "file"))
    var since: String?

    @Option(
        help: ArgumentHelp(
            "With --since: repeat the census for at most this time, until nothing differs.",
            valueName: "seconds"))
    var within: Int = 0

    func run() throws {
        do throws(CensusFailure) {
            guard OwnProcess.isRoot else {
                throw CensusFailure(
                    "must run as root, because it reads the processes of other users")
            }
            let marks = try places.marks()
            let before = try since.map { path throws(CensusFailure) in
                try CensusFile(reading: path, marks)
            }
            let census = look(marks, until: before?.census)
            if let json { try CensusFile(census, marks).write(to: json) }
            let lines =
                before.map { census.difference(from: $0.census) }
                ?? census.names.sorted().joined(separator: "\n")
            if !lines.isEmpty { print(lines) }
            guard before != nil else { return }
            if !lines.isEmpty { throw CensusFailure.differs }
            try expectReadable(census)
        } catch {
            if let text = error.text { StandardError.write("staunch-census: \(text)\n") }
            throw ExitCode(error.code)
        }
    }

    private func expectReadable(_ census: Census) throws(CensusFailure) {
        let unread = census.unreadable
        guard let first = unread.first else { return }
        throw CensusFailure(
            "nothing that could be read differs, but \(unread.count) places could not be read, "
                + "such as \(first)")
    }

    private func look(_ marks: Census.Marks, until before: Census?) -> Census {
        let end = SystemClock.sinceBoot + Int64(within) * 1_000_000_000
        var census = Census(marks)
        while let before, census != before, SystemClock.sinceBoot < end { census = Census(marks) }
        return census
    }
}

/// Why there is no answer, or that the answer is a difference.
struct CensusFailure: Error {
    let text: String?
    let code: Int32

    init(_ text: String) {
        self.text = text
        code = 2
    }

    private init() {
        text = nil
        code = 1
    }

    static let differs = CensusFailure()
}

private let discussion = """
    The census does not ask the daemon and changes nothing: it reads /proc, /sys, the cgroup \
    hierarchies and the directories. These things belong to the daemon and its pods: everything \
    below the directories, each cgroup below the parent, and each process that is in such a \
    cgroup or names a directory on its command line. Each line begins with its kind:

      process zombie thread   processes, except the daemon and the callers of this program
      mount detached          mounts of every namespace; mounts that only a descriptor holds
      superblock loop         file systems and loop devices on files of the daemon
      network socket          network namespaces of pods; unix sockets, by name
      namespace               namespaces of other kinds, if a descriptor holds them
      link firewall           interfaces, bridges, and the firewall's table of the daemon
      interface port address  interfaces and bridge ports of the host; addresses held by CNI
      cgroup file             cgroups of every hierarchy; files below every directory
      descriptors             descriptors of each process, counted by kind
      daemon                  the daemon's descriptors, except of its clients; its zombies
      bind                    each file below a --bind, with a hash of its content
      unreadable              what could not be read, and why

    Bytes of a name that are not printable ASCII are written as \\xNN.

    EXAMPLES
      staunch-census
      staunch-census --json /tmp/before.json --bind /srv/data
      staunch-census --since /tmp/before.json --bind /srv/data
      staunch-census --run-dir /tmp/x/run --data-dir /tmp/x/data \\
        --log-dir /tmp/x/log --cgroup-parent /x | cut -d ' ' -f 1 | uniq -c

    EXIT CODES
      0  the census was listed; with --since: nothing differs
      1  something differs
      2  the census failed; with --since: a part of it could not be read
    """
