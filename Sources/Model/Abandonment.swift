// The only way out of a step that waits for something that will never happen.

/// The word of an operator that a step of an operation is given up. The step's other work still
/// runs, and what is left then is named.
package struct Abandonment: Equatable, Sendable {
    /// The step that is given up.
    package let step: RemovalStep
    /// The operator's reason.
    package let reason: String
    /// The process that asked for it.
    package let requester: Requester
    /// When it asked.
    package let at: Timestamp
    /// What was still there when the step ended; `nil` if nothing was seen, or before that.
    package var left: String?

    package init(
        step: RemovalStep, reason: String, requester: Requester, at: Timestamp,
        left: String? = nil
    ) {
        self.step = step
        self.reason = reason
        self.requester = requester
        self.at = at
        self.left = left
    }
}
