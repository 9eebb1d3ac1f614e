// The parts that a create needs: how the daemon looks at each, and what it does with the answer.

import Bytes
import EventLoop
import Host
import Kernel
import Linux
import OCI

// MARK: - The shim's program

extension RuntimeWatch {
    /// Returns the program for helpers and shims: an older copy if a new copy cannot be used. If
    /// all copies were removed, it is installed again.
    nonisolated func shimProgram() throws(SystemCallFailure) -> String {
        if let path = status.shim.value, try Files.exists(path) { return path }
        if let older = try layout.shimCopies.all().first { return older }
        return try layout.shimCopies.add(try Files.program(layout.settings.shim, in: [])).path
    }

    /// Looks at the shim's program. Former copies are removed only after the new copy has run.
    func lookAtShim() async {
        do throws(SystemCallFailure) {
            if let path = status.shim.value, try Files.exists(path) { return }
            let running = await runningCopies(of: try layout.shimCopies.all())
            guard let copy = try await copiedShim() else { return }
            switch running.contains(copy.path) ? .runs : await trial(of: copy.path) {
            case .runs:
                let path = try layout.shimCopies.accept(copy.path)
                ignoring("an old copy costs room, and does no harm") {
                    () throws(SystemCallFailure) in try layout.shimCopies.removeAll(but: path)
                }
                update { $0.shim = .usable(path) }
            case .broken(let why):
                remove(copy.path)
                if copy.isNew { refusedShim = copy.marks }
                refuseShim(why)
            case .refused(let why):
                if copy.isNew { remove(copy.path) }
                refuseShim(why)
            case .unknown: return
            }
        } catch { refuseShim("\(error)") }
    }

    /// Returns the copies that run. Removes a copy that was damaged, or that an older daemon
    /// accepted too early.
    private func runningCopies(of copies: [String]) async -> [String] {
        var running: [String] = []
        for copy in copies {
            switch await trial(of: copy) {
            case .runs: running.append(copy)
            case .broken: remove(copy)
            case .refused, .unknown: break
            }
        }
        return running
    }

    private func remove(_ copy: String) {
        ignoring("the next look removes it") { () throws(SystemCallFailure) in
            try layout.shimCopies.remove(copy)
        }
    }

    /// Copies the program; `nil` if it was refused before, or cannot be read now. An older copy
    /// does the work, because the program's disk may not answer (law 4). If there is no copy, the
    /// daemon reads the program itself, because no pod of this boot waits for the daemon.
    private func copiedShim() async throws(SystemCallFailure) -> ShimCopy? {
        let program = layout.settings.shim
        if try !layout.shimCopies.all().isEmpty {
            let refused = refusedShim ?? "none"
            let words = [
                "staunch-shim", "install", program, layout.shimCopies.directory, refused,
            ]
            switch await ask(words, about: "the shim") {
            case .said(let text)?: return ShimCopy(text)
            case .unanswered(let why)?:
                refuseShim(why)
                return nil
            case .killed?, nil: return nil
            case .failed?: break  // an older copy does not know `install`
            }
        }
        let source = try Files.program(program, in: [])
        if source.marks == refusedShim { return nil }
        let copy = try layout.shimCopies.add(source)
        return ShimCopy(marks: source.marks, path: copy.path, isNew: copy.isNew)
    }

    private enum Trial {
        case runs
        case broken(String)
        /// The kernel does not start it, for example because its file system is mounted noexec.
        case refused(String)
        /// It could not be started now, or another process killed it.
        case unknown
    }

    /// Runs a copy for a look that waits for no disk.
    private func trial(of path: String) async -> Trial {
        let words = ["staunch-shim", "absent", layout.shimCopies.directory, "none"]
        let question: Question
        do throws(SystemCallFailure) { question = try Question(words, path: path, atMost: 0) } catch
        {
            // EAGAIN, ENOMEM, ENFILE, EMFILE: the program was not even started.
            if [11, 12, 23, 24].contains(error.errno) { return .unknown }
            return error.errno == 8 ? .broken("\(error)") : .refused("\(error)")  // ENOEXEC
        }
        noteLast(question, about: "the shim")
        switch await question.answer(within: RuntimeWatch.patience) {
        case .said: return .runs
        case .failed(let why), .unanswered(let why): return .broken(why)
        case .killed: return .unknown
        }
    }

    private func refuseShim(_ why: String) {
        update { $0.shim = .unusable("the shim's program \(layout.settings.shim): \(why)") }
    }

}

/// A copy of the shim's program, with the marks of the original.
private struct ShimCopy {
    let marks: String
    let path: String
    let isNew: Bool
}

extension ShimCopy {
    /// Parses the output of `install`; `nil` if there is none.
    init?(_ text: [UInt8]) {
        let words = String(decoding: text, as: UTF8.self).fields(" ", maxSplits: 2)
        guard words.count == 3 else { return nil }
        self.init(marks: words[0], path: words[2], isNew: words[1].isSame(as: "new"))
    }
}

// MARK: - The seccomp profile

extension RuntimeWatch {
    func lookAtProfile() async {
        switch layout.settings.seccomp {
        case .none: update { $0.filter = .usable(.none) }
        case .builtIn:
            if status.filter.value == nil { use(.builtIn) }
        case .file(let path):
            switch await ask(["staunch-shim", "content", path], about: "the profile") {
            case .said(let content)?: use(content, of: path)
            case .failed(let why)?, .unanswered(let why)?: refuseProfile(path, why)
            case .killed?, nil: break
            }
        }
    }

    private func use(_ content: [UInt8], of path: String) {
        guard content != profile || status.filter.value == nil else { return }
        do throws(SeccompFailure) {
            use(try SeccompProfile(json: content))
            profile = content
        } catch { refuseProfile(path, "\(error)") }
    }

    private func use(_ profile: SeccompProfile) {
        do throws(SystemCallFailure) {
            let cache = try SeccompCache.here(profile)
            update { $0.filter = .usable(.profile(cache)) }
        } catch { update { $0.filter = .unusable("the kernel's version: \(error)") } }
    }

    private func refuseProfile(_ path: String, _ why: String) {
        update { $0.filter = .unusable("the seccomp profile \(path): \(why)") }
    }
}

extension SeccompCache {
    /// Compiles a profile for this kernel. The filter's cost in the runtime grows with each ABI, so
    /// an ABI that the kernel lacks is left out. That permits nothing more.
    static func here(_ profile: SeccompProfile) throws(SystemCallFailure) -> SeccompCache {
        SeccompCache(
            profile, on: SystemInfo.isARM ? .arm : .x86, kernel: try SystemInfo.kernelVersion(),
            without: SystemInfo.hasX32 ? [] : ["SCMP_ARCH_X32"])
    }
}

// MARK: - The runtimes

extension RuntimeWatch {
    /// Looks at all runtimes at once, because each may take as long as it is waited for.
    func lookAtRuntimes() async {
        await withDiscardingTaskGroup { group in
            for index in layout.settings.runtimes.indices {
                group.addTask { await self.lookAtRuntime(index) }
            }
        }
    }

    private func lookAtRuntime(_ index: Int) async {
        let settings = layout.settings
        let choice = settings.runtimes[index]
        let words = ["staunch-shim", "found", choice.program] + settings.searchPath
        switch await ask(words, about: choice.name) {
        case .said(let text)?:
            guard let (marks, path) = String(decoding: text, as: UTF8.self).cut(" ") else { return }
            await lookAtRuntime(index, ProgramFile(path: path, marks: marks))
        case .failed(let why)?, .unanswered(let why)?:
            update { $0.runtimes[index].sight = .unusable("the runtime '\(choice.name)': \(why)") }
        case .killed?, nil: return
        }
    }

    /// Asks the runtime for its version. A runtime that has answered is asked again only after its
    /// file has changed.
    private func lookAtRuntime(_ index: Int, _ file: ProgramFile) async {
        update { $0.runtimes[index].path = file.path }
        guard status.runtimes[index].sight.value?.file != file else { return }
        let name = layout.settings.runtimes[index].name
        let version: RuntimeVersion
        let versionWords = ["staunch-shim", "exec"] + Runtime.version(file.path)
        switch await ask(versionWords, about: name, atMost: 65536) {
        case .said(let text)?:
            guard let read = RuntimeVersion(text, program: file.path) else {
                return refuse(index, file, "--version prints no text")
            }
            version = read
        case .failed(let why)?, .unanswered(let why)?:
            return refuse(index, file, "--version: \(why)")
        case .killed?, nil: return
        }
        let features: RuntimeFeatures?
        switch await ask(["staunch-shim", "exec"] + Runtime.features(file.path), about: name) {
        case .said(let json)?: features = RuntimeFeatures(json: json)
        // Runtimes from before 2022 do not know the command.
        case .failed?: features = nil
        case .unanswered(let why)?: return refuse(index, file, "features: \(why)")
        case .killed?, nil: return
        }
        let facts = RuntimeStatus.RuntimeFacts(
            file: file, version: version,
            hasRecursiveReadOnly: features?.hasRecursiveReadOnly ?? false)
        update { $0.runtimes[index].sight = .usable(facts) }
        log.write(
            .info, "runtime",
            [
                "runtime": name, "path": file.path, "name": version.name,
                "version": version.version,
            ])
    }

    private func refuse(_ index: Int, _ file: ProgramFile, _ why: String) {
        update { $0.runtimes[index].sight = .unusable("the runtime \(file.path): \(why)") }
    }
}
