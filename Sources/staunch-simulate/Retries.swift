// Late retries: hours later by the machine's clock, or days later by the wall clock.

import Engine
import Host
import Model
import Simulation

/// A request that was answered, for a retry.
struct Answered {
    let request: Request
    let context: RequestContext
    let answer: MutationResult
}

extension Ledger {
    /// Law 17: a late retry gets the same operation, or the answer that its id is no longer kept,
    /// whatever the clock says. It never carries out its request a second time.
    func check(_ late: Answered, _ answer: Result<MutationResult, Refusal>) {
        let what = "a late \(late.request.words)"
        switch (late.answer, answer) {
        case (_, .failure(.operationExpired)): break
        case (_, .failure(let refusal)): fail("17", "\(what): \(refusal)")
        case (.nothing, .success(.nothing)): break
        case (.operation(let first), .success(.operation(let now))),
            (.operation(let first), .success(.finished(let now))),
            (.finished(let first), .success(.finished(let now))):
            if first.id != now.id { fail("17", "\(what) was \(first.id), and is \(now.id)") }
        case (.pod, .success(.finished(let now))), (.task, .success(.finished(let now))),
            (.network, .success(.finished(let now))):
            if late.context.operationID != now.id { fail("17", "\(what) is \(now.id)") }
        case (let before, .success(let now)): fail("17", "\(what) was \(before), and is \(now)")
        }
    }
}

/// How many records a history's daemons keep.
enum Keeping {
    /// The daemon's own limits.
    case all
    /// So few records that operations are forgotten all the time.
    case few
    /// Records of only a few seconds.
    case short

    init(seed: UInt64) {
        switch seed % 3 {
        case 0: self = .few
        case 1: self = .all
        default: self = .short
        }
    }

    var forgets: Bool { if case .all = self { false } else { true } }

    func limit(_ limits: inout Limits) {
        limits.commitsPerPruning = 4
        switch self {
        case .all: break
        case .few:
            limits.operationsKept = 3
            limits.tombstonesKept = 4
        case .short:
            limits.operationsKeptSeconds = 5
            limits.tombstonesKeptSeconds = 10
        }
    }

    /// Whether an id is never forgotten. An id without a time is remembered only for a number of
    /// later ids.
    func remembers(_ id: UID) -> Bool { if case .few = self { id.time != nil } else { true } }
}
