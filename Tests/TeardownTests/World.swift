// A machine in memory: its content, what holds that content, and the journal.

import Model
import Teardown
import Testing

/// The events, in order.
enum Act: Equatable, Sendable {
    case began(TeardownStep)
    case removed(TeardownStep)
    case waits(TeardownStep, Blocker)
    case ended(TeardownStep, skipped: Bool)
    case abandoned(TeardownStep, Forsaken)
}

/// Outlives the runs. A crash ends a run and leaves the world as it was at that moment.
actor World {
    private(set) var present: Set<TeardownStep>
    private(set) var acts: [Act] = []
    /// How often each step is still blocked before its removal succeeds.
    private var blockers: [TeardownStep: Int]
    /// Steps that cannot be removed until they are released.
    private var held: Set<TeardownStep>
    /// The word of an operator that a step is given up.
    private var abandonments: [TeardownStep: Abandonment] = [:]
    /// Steps that waited in `nextChange` for something to happen.
    private var sleepers: [CheckedContinuation<Void, Never>] = []

    init(
        _ present: [TeardownStep], held: Set<TeardownStep> = [],
        blockers: [TeardownStep: Int] = [:]
    ) {
        self.present = Set(present)
        self.held = held
        self.blockers = blockers
    }

    func tell(_ act: Act) { acts.append(act) }

    func remove(_ step: TeardownStep) -> StepOutcome {
        guard present.contains(step) else { return .alreadyGone }
        if let abandonment = abandonments[step] {
            return .abandoned(Forsaken(abandonment, left: Blocker("held")))
        }
        if held.contains(step) { return .blocked(Blocker("held")) }
        if let left = blockers[step], left > 0 {
            blockers[step] = left - 1
            return .blocked(Blocker("\(left) in the way"))
        }
        present.remove(step)
        tell(.removed(step))
        return .removed
    }

    func nextChange(_ step: TeardownStep) async {
        // Level-triggered: arm, look again, and only then wait.
        guard held.contains(step) else { return }
        await withCheckedContinuation { sleepers.append($0) }
    }

    func release(_ step: TeardownStep) {
        held.remove(step)
        for sleeper in sleepers { sleeper.resume() }
        sleepers = []
    }

    /// The abandonment was none, and nothing holds the step any more.
    func forget(_ step: TeardownStep) {
        abandonments[step] = nil
        release(step)
    }

    func abandon(_ step: TeardownStep, _ abandonment: Abandonment) {
        abandonments[step] = abandonment
        for sleeper in sleepers { sleeper.resume() }
        sleepers = []
    }

    func until(
        _ condition: ([Act]) -> Bool, sourceLocation: SourceLocation = #_sourceLocation
    ) async {
        for _ in 0..<10_000 {
            if condition(acts) { return }
            try? await Task.sleep(for: .milliseconds(1))
        }
        Issue.record("that never happened", sourceLocation: sourceLocation)
    }
}

/// One run of a teardown: one life of the daemon. After its `lastCall` it is dead: its calls are
/// neither carried out nor answered until the test ends.
struct Life: Remover, Journal {
    let world: World
    let fate: Fate

    init(_ world: World, fate: Fate = Fate()) {
        self.world = world
        self.fate = fate
    }

    func remove(_ step: TeardownStep) async -> StepOutcome {
        guard await fate.goesOn() else { return .alreadyGone }
        let outcome = await world.remove(step)
        guard await fate.goesOn() else { return .alreadyGone }
        return outcome
    }

    func nextChange(_ step: TeardownStep) async { await world.nextChange(step) }

    func began(_ step: TeardownStep) async {
        if await fate.goesOn() { await world.tell(.began(step)) }
    }

    func waits(_ step: TeardownStep, for blocker: Blocker) async {
        if await fate.goesOn() { await world.tell(.waits(step, blocker)) }
    }

    func abandoned(_ step: TeardownStep, _ forsaken: Forsaken) async {
        if await fate.goesOn() { await world.tell(.abandoned(step, forsaken)) }
    }

    func ended(_ step: TeardownStep, skipped: Bool) async {
        if await fate.goesOn() { await world.tell(.ended(step, skipped: skipped)) }
    }
}

/// When a life ends: before or after any effect and any journal entry.
actor Fate {
    private var callsLeft: Int
    private var isBuried = false
    private var dead: [CheckedContinuation<Void, Never>] = []

    init(dyingAfter calls: Int = .max) { callsLeft = calls }

    /// Returns `false` for every call after the end of the life, but only after the burial.
    func goesOn() async -> Bool {
        if callsLeft > 0 {
            callsLeft -= 1
            return true
        }
        if !isBuried { await withCheckedContinuation { dead.append($0) } }
        return false
    }

    func died() async {
        for _ in 0..<10_000 where dead.isEmpty { try? await Task.sleep(for: .milliseconds(1)) }
        if dead.isEmpty { Issue.record("it lives for ever") }
    }

    /// Lets the dead run end, without a further effect.
    func bury() {
        isBuried = true
        for one in dead { one.resume() }
        dead = []
    }
}
