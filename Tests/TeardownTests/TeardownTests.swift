// A stuck step only delays. The next run finishes after a crash at any point.

import Model
import Teardown
import Testing

private let pod = UID(high: 1, low: 2)
private let app = label("app")
private let web = label("web")

private func label(_ text: String) -> Label {
    guard let label = Label(text) else { preconditionFailure("\(text) is no label") }
    return label
}

private func delete(_ world: World, tasks: [Label], fate: Fate = Fate()) async -> UID {
    let life = Life(world, fate: fate)
    return await Teardown(remover: life, journal: life).run(pod: pod, tasks: tasks).pod
}

/// Whether each removal came after its predecessors: the earlier steps of its task; for the pod's
/// steps all steps of all tasks, and the earlier steps of its lane; for the steps of the sandbox
/// all others.
private func isOrdered(_ removed: [TeardownStep]) -> Bool {
    removed.enumerated().allSatisfy { index, step in
        removed[(index + 1)...].allSatisfy { !precedes($0, step) }
    }
}

private func precedes(_ first: TeardownStep, _ second: TeardownStep) -> Bool {
    switch (first.task, second.task) {
    case (nil, nil):
        first.name.lane == second.name.lane
            ? rank(first, TeardownStep.ofPod) < rank(second, TeardownStep.ofPod)
            : second.name.lane == .sandbox
    case (nil, .some): false
    case (.some, nil): true
    case (let task?, let other?):
        task == other && rank(first, TeardownStep.ofTask) < rank(second, TeardownStep.ofTask)
    }
}

private func rank(_ step: TeardownStep, _ order: [RemovalStep]) -> Int {
    order.firstIndex(of: step.name) ?? -1
}

extension [Act] {
    fileprivate var removed: [TeardownStep] {
        compactMap { if case .removed(let step) = $0 { step } else { nil } }
    }
    fileprivate var began: [TeardownStep] {
        compactMap { if case .began(let step) = $0 { step } else { nil } }
    }
    fileprivate var ended: [TeardownStep] {
        compactMap { if case .ended(let step, _) = $0 { step } else { nil } }
    }
    fileprivate var skipped: [TeardownStep] {
        compactMap { if case .ended(let step, true) = $0 { step } else { nil } }
    }
    fileprivate var blockers: [Blocker] {
        compactMap { if case .waits(_, let blocker) = $0 { blocker } else { nil } }
    }
}

@Suite struct Order {
    @Test("a pod without tasks loses files, shim and cgroup, and then is verified")
    func podAlone() async {
        let world = World(TeardownStep.all(tasks: []))
        #expect(await delete(world, tasks: []) == pod)
        let names: [RemovalStep] = [
            .networkDetach, .volumesRemove, .filesRemove, .shimExit, .cgroupRemove, .verify,
        ]
        let removed = await world.acts.removed
        #expect(Set(removed) == Set(names.map { TeardownStep($0) }))
        #expect(isOrdered(removed))
        #expect(removed.suffix(3).map(\.name) == [.shimExit, .cgroupRemove, .verify])
    }

    @Test("a task is stopped, deleted and unmounted before its pod is removed")
    func taskBeforePod() async {
        let world = World(TeardownStep.all(tasks: [app]))
        _ = await delete(world, tasks: [app])
        let acts = await world.acts
        #expect(Set(acts.removed) == Set(TeardownStep.all(tasks: [app])))
        #expect(isOrdered(acts.removed))
        #expect(acts.removed.prefix(3).map(\.name) == [.tasksStop, .tasksDelete, .rootfsUnmount])
        #expect(acts.removed.prefix(3).allSatisfy { $0.task == app })
    }

    @Test("every step is begun, removed and ended once, and the plan names all steps")
    func eachOnce() async {
        let plan = TeardownStep.all(tasks: [app, web])
        let world = World(plan)
        _ = await delete(world, tasks: [app, web])
        let acts = await world.acts
        for steps in [acts.began, acts.removed, acts.ended] {
            #expect(steps.count == plan.count)
            #expect(Set(steps) == Set(plan))
        }
        #expect(isOrdered(acts.removed))
    }

    @Test("the removal of one task removes its files, and nothing of its pod")
    func taskAlone() async {
        let plan = TeardownStep.all(task: app)
        let world = World(plan + TeardownStep.all(tasks: [web]))
        let life = Life(world)
        let uid = UID(high: 3, low: 4)
        let proof = await Teardown(remover: life, journal: life).run(task: app, uid: uid)
        #expect(proof.task == uid)
        #expect(plan.map(\.name) == [.tasksStop, .tasksDelete, .rootfsUnmount, .filesRemove])
        #expect(await world.acts.removed == plan)
        #expect(await world.present == Set(TeardownStep.all(tasks: [web])))
    }
}

@Suite(.timeLimit(.minutes(10))) struct Stuck {
    @Test(
        "a stuck step delays the later steps, and the delete ends after it is released",
        arguments: TeardownStep.all(tasks: [app]))
    func delaysAndNothingElse(step: TeardownStep) async {
        let plan = TeardownStep.all(tasks: [app])
        let world = World(plan, held: [step])
        async let deleted = delete(world, tasks: [app])
        let others = Set(plan.filter { $0 != step && !precedes(step, $0) })
        await world.until { Set($0.ended) == others && !$0.blockers.isEmpty }
        #expect(await Set(world.acts.began) == others.union([step]))

        await world.release(step)
        #expect(await deleted == pod)
        let acts = await world.acts
        #expect(acts.removed.count == plan.count && Set(acts.removed) == Set(plan))
        #expect(isOrdered(acts.removed) && isOrdered(acts.ended))
        #expect(await world.present.isEmpty)
    }

    @Test(
        "a stuck task delays the pod's steps, and no step of another task",
        arguments: TeardownStep.ofTask)
    func sideBySide(name: RemovalStep) async {
        let stuck = TeardownStep(name, task: app)
        let world = World(TeardownStep.all(tasks: [app, web]), held: [stuck])
        async let deleted = delete(world, tasks: [app, web])
        let last = TeardownStep(.rootfsUnmount, task: web)
        await world.until { $0.ended.contains(last) && !$0.blockers.isEmpty }

        #expect(await world.acts.began.allSatisfy { $0.task != nil })
        await world.release(stuck)
        #expect(await deleted == pod)
        #expect(await isOrdered(world.acts.removed))
        #expect(await world.present.isEmpty)
    }

    @Test("a hundred tasks wait at the same time, and not one after the other")
    func allAtOnce() async {
        let tasks = (0..<100).map { label("task-\($0)") }
        let stops = tasks.map { TeardownStep(.tasksStop, task: $0) }
        let world = World(TeardownStep.all(tasks: tasks), held: Set(stops))
        async let deleted = delete(world, tasks: tasks)
        await world.until { $0.blockers.count == 100 }
        for stop in stops { await world.release(stop) }
        #expect(await deleted == pod)
        #expect(await world.present.isEmpty)
    }

    @Test("each blocked attempt is reported with its own reason")
    func blockersAreTold() async {
        let step = TeardownStep(.cgroupRemove)
        let world = World(TeardownStep.all(tasks: []), blockers: [step: 3])
        _ = await delete(world, tasks: [])
        let words = [3, 2, 1].map { Blocker("\($0) in the way") }
        #expect(await world.acts.blockers == words)
    }

    @Test("the teardown never gives up, even after many blocked attempts")
    func nobodyGivesUp() async {
        let step = TeardownStep(.rootfsUnmount, task: app)
        let world = World(TeardownStep.all(tasks: [app]), blockers: [step: 10_000])
        #expect(await delete(world, tasks: [app]) == pod)
        #expect(await world.acts.blockers.count == 10_000)
        #expect(await world.present.isEmpty)
    }

    @Test("a canceled task does not cancel its teardown", arguments: TeardownStep.all(tasks: [app]))
    func cancellationIsNotHeard(step: TeardownStep) async {
        let world = World(TeardownStep.all(tasks: [app]), held: [step])
        let run = Task { await delete(world, tasks: [app]) }
        await world.until { !$0.blockers.isEmpty }
        run.cancel()
        await world.release(step)
        #expect(await run.value == pod)
        let removed = await world.acts.removed
        #expect(Set(removed) == Set(TeardownStep.all(tasks: [app])) && isOrdered(removed))
    }
}

@Suite(.timeLimit(.minutes(10))) struct Again {
    /// A step asks four times whether the daemon lives: around its effect, and around its two
    /// journal entries.
    private static let calls = TeardownStep.all(tasks: [app, web]).count * 4

    @Test("a crash at any point is finished by the next run", arguments: 0..<calls)
    func crashed(calls: Int) async {
        let world = World(TeardownStep.all(tasks: [app, web]))
        let fate = Fate(dyingAfter: calls)
        async let first = delete(world, tasks: [app, web], fate: fate)
        await fate.died()

        #expect(await delete(world, tasks: [app, web]) == pod)
        let removed = await world.acts.removed
        #expect(removed.count == Set(removed).count, "removed twice")
        #expect(isOrdered(removed))
        #expect(await world.present.isEmpty)
        await fate.bury()
        _ = await first
    }

    @Test("the crash test covers every call: with one more call the first run completes")
    func crashesReachTheEnd() async {
        let world = World(TeardownStep.all(tasks: [app, web]))
        let fate = Fate(dyingAfter: Again.calls)
        #expect(await delete(world, tasks: [app, web], fate: fate) == pod)
    }

    @Test(
        "steps without objects are reported as skipped, and the others remove their objects",
        arguments: 0..<512)
    func anySubsetGone(subset: Int) async {
        let plan = TeardownStep.all(tasks: [app])
        let here = plan.enumerated().filter { subset >> $0.offset & 1 == 1 }.map(\.element)
        let world = World(here)
        #expect(await delete(world, tasks: [app]) == pod)
        let acts = await world.acts
        #expect(Set(acts.removed) == Set(here) && isOrdered(acts.removed))
        #expect(Set(acts.ended) == Set(plan) && acts.ended.count == plan.count)
        #expect(Set(acts.skipped) == Set(plan.filter { !here.contains($0) }))
    }
}
