// Looks at what a create needs of the host: at the start, when a create comes, and periodically.
// Whatever is wrong, the daemon starts and deletes continue; creates are refused with the reason
// (law 25).

import EventLoop
import Host
import Kernel
import Linux
import Metrics
import Synchronization

@Loop final class RuntimeWatch {
    nonisolated let layout: Layout
    nonisolated let log: Log
    private nonisolated let metrics: Metrics
    private nonisolated let seen: Mutex<RuntimeStatus>
    /// The question that was asked last about each subject, until its process has ended.
    private var questions: [String: LastQuestion] = [:]
    /// The marks of a copied file that turned out not to be a program of ours.
    var refusedShim: String?
    /// The content of the current profile.
    var profile: [UInt8]?
    /// The reasons for refusing creates that were logged last: for all, and for each runtime but
    /// the default.
    private var told: String?
    private var toldOfRuntimes: [String: String] = [:]
    private let firstLook: LoopSignal

    /// Milliseconds that a program has to answer, even from a busy disk. Meanwhile the former
    /// result counts.
    static let patience: Int64 = 10_000

    nonisolated init(_ layout: Layout, _ log: Log, _ metrics: Metrics) throws(SystemCallFailure) {
        self.layout = layout
        self.log = log
        self.metrics = metrics
        firstLook = try LoopSignal()
        let status = RuntimeStatus(layout.settings.runtimes)
        seen = Mutex(status)
        publish(status)
    }

    nonisolated var status: RuntimeStatus { seen.withLock { $0 } }

    /// Returns why no create with this runtime is possible now; `nil` if one is. A call starts a
    /// new look unless the last look is too recent.
    nonisolated func refusal(of runtime: String?) -> String? {
        let (refusal, isDue) = seen.withLock {
            ($0.refusal(of: runtime), $0.isDue(at: EngineClock.sinceBoot, for: runtime))
        }
        if isDue { onLoop { await self.look() } }
        return refusal
    }

    /// Looks periodically, without end.
    nonisolated func start() { onLoop { await self.lookNowAndThen() } }

    /// Waits for the end of the first look, at most `milliseconds`. The thread that starts the
    /// daemon calls it.
    nonisolated func waitForFirstLook(milliseconds: CInt) {
        firstLook.wait(milliseconds: milliseconds)
    }

    private func lookNowAndThen() async {
        let interval = layout.settings.auditInterval
        while true {
            let rest = status.pause(interval, at: EngineClock.sinceBoot)
            guard rest == 0 else {
                await Loop.shared.reactor.pause(milliseconds: rest)
                continue
            }
            await look()
            firstLook.send()
        }
    }

    /// Looks once, unless a look is in progress.
    private func look() async {
        guard seen.withLock({ $0.beginLook() }) else { return }
        await lookAtShim()
        await lookAtProfile()
        await lookAtRuntimes()
        update { $0.endLook(at: EngineClock.sinceBoot) }
        tell()
    }

    func update(_ change: (inout RuntimeStatus) -> Void) {
        publish(
            seen.withLock {
                change(&$0)
                return $0
            })
    }

    private nonisolated func publish(_ status: RuntimeStatus) {
        for (part, runtime, isUsable) in status.usableParts {
            metrics.runtimeAvailable.set(isUsable ? 1 : 0, part.rawValue, runtime)
        }
    }

    /// Returns the answer of our program, or of a program that ours executes; `nil` if the question
    /// could not be asked, which says nothing about the program. About one subject at most one
    /// process may be held by its disk, and a runtime that hangs keeps no other from being asked.
    func ask(
        _ words: [String], about subject: String, atMost limit: Int = 1 << 20
    ) async -> Question.Answer? {
        if questions[subject]?.question?.isOpen == true { return nil }
        do throws(SystemCallFailure) {
            let question = try Question(words, path: try shimProgram(), atMost: limit)
            noteLast(question, about: subject)
            return await question.answer(within: RuntimeWatch.patience)
        } catch { return nil }
    }

    func noteLast(_ question: Question, about subject: String) {
        questions[subject] = LastQuestion(question: question)
    }

    private func tell() {
        for runtime in status.runtimes.dropFirst() {
            guard runtime.refusal != toldOfRuntimes[runtime.name] else { continue }
            toldOfRuntimes[runtime.name] = runtime.refusal
            if let why = runtime.refusal {
                log.write(.error, "a runtime is refused", ["runtime": runtime.name, "why": why])
            } else {
                log.write(.info, "a runtime is taken again", ["runtime": runtime.name])
            }
        }
        let why = status.refusal
        guard why != told else { return }
        told = why
        if let why {
            log.write(.error, "creates are refused", ["why": why])
        } else {
            log.write(.info, "creates are taken again")
        }
    }
}

/// A question that ends with its process.
private struct LastQuestion {
    weak var question: Question?
}
