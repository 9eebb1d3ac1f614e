// The command line: the places of the census, and the census to compare it with.

import ArgumentParser
import Census
import Linux

struct CensusProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "staunch-census",
        abstract: "Lists all that a daemon and its pods have on this machine, or what changed.",
        discussion: discussion)

    @OptionGroup var places: Places

    @Option(
        help: ArgumentHelp(
            "Write the census there as well, for a later --since.", valueName: "file"))
    var json: String?

    @Option(
        help: ArgumentHelp(
            "Print what has changed since that census, and end with 1 where anything has.",
            valueName: "file"))
    var since: String?

    @Option(
        help: ArgumentHelp(
            "With --since: look again for that long, until nothing differs.",
            valueName: "seconds"))
    var within: Int = 0

    func run() throws {
        do throws(CensusFailure) {
            guard OwnProcess.isRoot else {
                throw CensusFailure("must run as root: of others' processes it would see nothing")
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
            "nothing differs of what could be read; \(unread.count) places could not be, such as "
                + "\(first)")
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
    Nothing is asked of the daemon, and nothing is changed: it reads /proc, /sys, the cgroup \
    hierarchies and the directories themselves. What is below the directories is the daemon's and \
    its pods', and so is each cgroup below the parent, and each process that is in one or names a \
    directory on its command line. A line begins with what it is:

      process zombie thread   not the daemon, nor whoever called this
      mount detached          in every mount namespace; held by a descriptor alone
      superblock loop         file systems and loop devices on files of ours
      network socket          the pods' network namespaces; unix sockets by name
      namespace               of any other kind, if a descriptor of it is held
      interface port address  the host's interfaces and bridge ports; what CNI holds
      cgroup file             in every hierarchy; below every directory
      descriptors             of each process, counted by kind
      daemon                  its own descriptors, but for its clients'; its zombies
      bind                    each file below a --bind, with a hash of its content
      unreadable              what could not be looked at, and why

    Bytes of a name that are not printable ASCII stand as \\xNN.

    EXAMPLES
      staunch-census
      staunch-census --json /tmp/before.json --bind /srv/data
      staunch-census --since /tmp/before.json --bind /srv/data
      staunch-census --run-dir /tmp/x/run --data-dir /tmp/x/data \\
        --log-dir /tmp/x/log --cgroup-parent /x | cut -d ' ' -f 1 | uniq -c

    EXIT CODES
      0  listed; with --since: nothing differs
      1  something differs
      2  no census could be taken; with --since: not all of it could be read
    """
