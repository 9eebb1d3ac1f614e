// What a teardown needs of the world.

/// Why something is still there, in words that an operator can search for.
package struct Obstacle: Equatable, Sendable {
    package let reason: String
    /// The name of the errno, such as `EBUSY`, where a system call had failed.
    package let errno: String?

    package init(_ reason: String, errno: String? = nil) {
        self.reason = reason
        self.errno = errno
    }
}

/// The machine, as a teardown of one pod sees it.
package protocol Machine: Sendable {
    /// Removes what the step is about, then looks. Doing it again is always right, and `gone` is
    /// always something seen.
    func clear(_ step: TeardownStep) async -> Sighting
    /// Returns when it is worth looking again. Early or late changes the load and nothing else.
    func nextChange(_ step: TeardownStep) async
}

/// Where the progress is told.
package protocol Journal: Sendable {
    func began(_ step: TeardownStep) async
    func waits(_ step: TeardownStep, for obstacle: Obstacle) async
    func ended(_ step: TeardownStep, skipped: Bool) async
}

package struct Teardown<M: Machine, J: Journal>: Sendable {
    let machine: M
    let journal: J

    package init(machine: M, journal: J) {
        self.machine = machine
        self.journal = journal
    }
}
