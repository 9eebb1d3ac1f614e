// The compiled filters of tasks whose runtime takes them, or whose shim needs them. A document is
// compiled once, by a helper, which is this daemon's own program: libseccomp needs milliseconds,
// allocates, and may fail.
//
// They are only in memory. A file in the run directory would outlive the pods that needed it, and
// the next daemon would have to trust it; compiling again costs less.
//
// No create depends on this. Without a program the runtime compiles the document, as it does for
// tasks of other runtimes.

import EventLoop
import Host
import Kernel
import Linux
import Seccomp

@Loop final class CompiledFilters {
    private nonisolated let log: Log
    /// The programs by their documents; `nil` if the helper has refused the document.
    private var known: [[UInt8]: [UInt8]?] = [:]
    /// Creates that wait for the helper of the same document.
    private var waiting: [[UInt8]: [CheckedContinuation<[UInt8]?, Never>]] = [:]

    /// Milliseconds that a create waits for a program.
    private static let patience: Int64 = 2000
    /// Clients choose the documents, so their number is bounded: each takes 16 KB of memory.
    private static let most = 32

    nonisolated init(_ log: Log) { self.log = log }

    /// Returns the program for `linux.seccomp`; `nil` if the runtime has to compile it.
    /// `shim` is the path of the program for helpers.
    func program(of document: [UInt8], _ shim: String) async -> [UInt8]? {
        if let found = known[document] { return found }
        guard waiting[document] == nil else {
            return await withCheckedContinuation { waiting[document]?.append($0) }
        }
        waiting[document] = []
        let program = await compiled(document, shim)
        for waiter in waiting.removeValue(forKey: document) ?? [] {
            waiter.resume(returning: program)
        }
        return program
    }

    private func compiled(_ document: [UInt8], _ shim: String) async -> [UInt8]? {
        let answer: Question.Answer
        do throws(SystemCallFailure) {
            // The shim's program executes ours, whose disk may not answer (law 4).
            let words = ["staunch-shim", "exec", "/proc/\(OwnProcess.pid)/exe", FilterVerb.word]
            let question = try Question(
                words, path: shim, input: document, atMost: FilterProgram.limit)
            answer = await question.answer(within: CompiledFilters.patience)
        } catch { return nil }
        switch answer {
        case .said(let program) where FilterProgram.isPlausible(program):
            return keep(program, document)
        case .said(let program): return refuse(document, "\(program.count) bytes")
        case .failed(let why): return refuse(document, why)
        // It says nothing about the document, so the next create asks again.
        case .unanswered, .killed: return nil
        }
    }

    private func refuse(_ document: [UInt8], _ why: String) -> [UInt8]? {
        log.write(.warning, "the runtime has to compile a seccomp filter", ["why": why])
        return keep(nil, document)
    }

    private func keep(_ program: [UInt8]?, _ document: [UInt8]) -> [UInt8]? {
        if known.count >= CompiledFilters.most { known = [:] }
        known[document] = .some(program)
        return program
    }
}
