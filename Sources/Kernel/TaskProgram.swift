// A program that is to run in a task, with the attributes of a process that the kernel knows.

package struct TaskProgram: Equatable, Sendable {
    package struct Limit: Equatable, Sendable {
        /// RLIMIT_* of getrlimit(2).
        package let resource: Int32
        package let soft: UInt64
        package let hard: UInt64

        package init(resource: Int32, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.soft = soft
            self.hard = hard
        }
    }

    package var arguments: [String]
    /// `NAME=value`. If HOME is missing, it is looked up in the task.
    package var environment: [String]
    package var directory = "/"
    package var (uid, gid, umask): (UInt32, UInt32, UInt32) = (0, 0, 0o022)
    package var groups: [UInt32] = []
    /// The bit 1 << n is the capability n.
    package var (bounding, permitted): (UInt64, UInt64) = (0, 0)
    package var (inheritable, ambient): (UInt64, UInt64) = (0, 0)
    package var noNewPrivileges = true
    package var oomScore: Int32?
    package var limits: [Limit] = []
    /// The program of the seccomp filter; empty for none.
    package var filter: [UInt8] = []
    /// The name of the session keyring that it joins; empty for none.
    package var keyring: String

    package init(_ arguments: [String], environment: [String], keyring: String) {
        self.arguments = arguments
        self.environment = environment
        self.keyring = keyring
    }
}
