// What a teardown needs from its caller.

package import Model

/// What was seen after a removal was tried. Only an operator can give up.
package enum StepOutcome: Equatable, Sendable {
    /// Nothing is left, and something had to be removed.
    case removed
    /// Nothing is left, and nothing had to be done.
    case alreadyGone
    case blocked(Blocker)
    /// The rest of the step was tried, after an operator had given it up.
    case abandoned(Forsaken)
}

/// A step that an operator has given up, and what was seen after the last attempt.
package struct Forsaken: Equatable, Sendable {
    /// The operator's word.
    package let abandonment: Abandonment
    /// `nil` if nothing was seen.
    package let left: Blocker?

    package init(_ abandonment: Abandonment, left: Blocker?) {
        self.abandonment = abandonment
        self.left = left
    }
}

/// Removes the objects of one pod from the host.
package protocol Remover: Sendable {
    /// Removes the objects of the step, and then looks. A repetition is always safe.
    /// ``StepOutcome/removed`` and ``StepOutcome/alreadyGone`` are always an observation.
    func remove(_ step: TeardownStep) async -> StepOutcome
    /// Returns when a new attempt is worthwhile. Too early or too late changes only the load.
    func nextChange(_ step: TeardownStep) async
}

/// Receives the progress.
package protocol Journal: Sendable {
    /// The step begins. Called once, before the first attempt.
    func began(_ step: TeardownStep) async
    /// An attempt of the step has found a blocker. Called once for each such attempt.
    func waits(_ step: TeardownStep, for blocker: Blocker) async
    /// The step has ended, because its objects are gone. `skipped` says that none existed.
    func ended(_ step: TeardownStep, skipped: Bool) async
    /// The step has ended, because an operator has given it up.
    func abandoned(_ step: TeardownStep, _ forsaken: Forsaken) async
}

/// Removes pods and tasks, in order and without a time limit. It has no state of its own, so a new
/// one can continue the work of another.
package struct Teardown<R: Remover, J: Journal>: Sendable {
    let remover: R
    let journal: J

    package init(remover: R, journal: J) {
        self.remover = remover
        self.journal = journal
    }
}
