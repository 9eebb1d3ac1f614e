// What a teardown needs of the world.

package import Model

/// What was seen after a removal was tried. There is no case for giving up.
package enum StepOutcome: Equatable, Sendable {
    /// Nothing is there, and something had to be removed.
    case removed
    /// Nothing is there, and nothing had to be done.
    case alreadyGone
    case blocked(Blocker)
}

/// Removes the objects of one pod from the host.
package protocol Remover: Sendable {
    /// Removes the objects that the step is about, and then looks. A repetition is always right;
    /// `removed` and `alreadyGone` are always something that was seen.
    func remove(_ step: TeardownStep) async -> StepOutcome
    /// Returns when it is worth trying again. Too early or too late changes only the load.
    func nextChange(_ step: TeardownStep) async
}

/// Where the progress is told.
package protocol Journal: Sendable {
    func began(_ step: TeardownStep) async
    func waits(_ step: TeardownStep, for blocker: Blocker) async
    func ended(_ step: TeardownStep, skipped: Bool) async
}

package struct Teardown<R: Remover, J: Journal>: Sendable {
    let remover: R
    let journal: J

    package init(remover: R, journal: J) {
        self.remover = remover
        self.journal = journal
    }
}
