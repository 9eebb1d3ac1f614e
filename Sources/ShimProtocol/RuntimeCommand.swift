// runc's command line (runc(8)); crun's is the same for our calls.

/// A call of the OCI runtime for one container.
package enum RuntimeCall: Equatable, Sendable {
    /// Creates the container; its process waits in the exec fifo.
    case create
    /// Creates and starts the container; the runtime returns as soon as the program runs.
    case run
    case start
    /// Removes the state and the cgroup; refused while the container is alive.
    case delete
    /// Runs the process of a document in the container, and returns as soon as it runs. The
    /// cgroup is one below the container's, as the runtime's option has it.
    case exec(process: String, pidFile: String, cgroup: String?)
}

/// A container, as the runtime knows it.
package struct RuntimeCommand: Equatable, Sendable {
    /// The path of the runtime's program.
    package let program: String
    /// The container's own state directory (`--root`), absolute.
    package let root: String
    package let id: String
    /// The directory of `config.json`. The runtime writes the file `pid` there.
    package let bundle: String

    package init(program: String, root: String, id: String, bundle: String) {
        self.program = program
        self.root = root
        self.id = id
        self.bundle = bundle
    }

    /// Returns the whole command line, the program first. The runtime appends JSON lines to the
    /// file `log`. If the process has a terminal, the runtime sends it to the socket `console`.
    package func arguments(_ call: RuntimeCall, log: String, console: String? = nil) -> [String] {
        let common = [program, "--root", root, "--log", log, "--log-format", "json"]
        let terminal = console.map { ["--console-socket", $0] } ?? []
        let make = ["--bundle", bundle, "--pid-file", bundle + "/pid"] + terminal + [id]
        return switch call {
        case .create: common + ["create"] + make
        case .run: common + ["run", "--detach"] + make
        case .start: common + ["start", id]
        case .delete: common + ["delete", id]
        case .exec(let process, let pidFile, let cgroup):
            common + ["exec", "--detach", "--process", process, "--pid-file", pidFile]
                + terminal + (cgroup.map { ["--cgroup", $0] } ?? []) + [id]
        }
    }
}
