// An operator gives a step up: the teardown goes on, and its proof says so.

import Kernel
import Model
import Teardown
import Testing

private let pod = UID(high: 1, low: 2)

private func abandonment(of step: RemovalStep) -> Abandonment {
    Abandonment(
        step: step, reason: "the plugin is gone",
        requester: Requester(pid: 1, uid: 0, gid: 0, command: "curl"),
        at: Timestamp(milliseconds: 1))
}

@Suite(.timeLimit(.minutes(10))) struct Abandon {
    @Test("an abandoned step ends, the others follow, and the proof names it")
    func proof() async {
        let detach = TeardownStep(.networkDetach)
        let world = World(TeardownStep.all(tasks: []), held: [detach])
        let life = Life(world)
        async let deleted = Teardown(remover: life, journal: life).run(pod: pod, tasks: [])
        await world.until { acts in
            acts.contains { if case .waits(detach, _) = $0 { true } else { false } }
        }
        let word = abandonment(of: .networkDetach)
        await world.abandon(detach, word)
        let proof = await deleted
        let forsaken = Forsaken(word, left: Blocker("held"))
        #expect(proof.pod == pod && proof.forsaken == [forsaken])
        #expect(await world.acts.contains(.abandoned(detach, forsaken)))
        #expect(await !world.acts.contains(.ended(detach, skipped: false)))
        #expect(await world.present == [detach])
    }

    @Test("the proof of a pod of which nothing was abandoned names nothing")
    func whole() async {
        let world = World(TeardownStep.all(tasks: []))
        let life = Life(world)
        let proof = await Teardown(remover: life, journal: life).run(pod: pod, tasks: [])
        #expect(proof.forsaken.isEmpty)
    }

    @Test(
        "no other step can be abandoned",
        arguments: TeardownStep.all(tasks: []).filter { $0.name != .networkDetach })
    func others(step: TeardownStep) async {
        let world = World(TeardownStep.all(tasks: []), held: [step])
        let life = Life(world)
        let run = Task { await Teardown(remover: life, journal: life).run(pod: pod, tasks: []) }
        await world.until { acts in
            acts.contains { if case .waits(step, _) = $0 { true } else { false } }
        }
        await world.abandon(step, abandonment(of: step.name))
        await world.until { acts in
            acts.contains(.waits(step, Blocker("the step cannot be abandoned")))
        }
        await world.forget(step)
        #expect(await run.value.forsaken.isEmpty)
    }
}
