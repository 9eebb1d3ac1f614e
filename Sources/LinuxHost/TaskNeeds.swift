// What a task's document needs of the host's files: its own seccomp profile, and its devices. A
// helper looks at them, because a disk or a network file system may not answer (law 4).

import Bytes
import EventLoop
import Host
import Kernel
import Linux
import Model
import OCI
import ShimProtocol

@Loop struct TaskNeeds {
    let host: LinuxHost

    // MARK: The filter of the system calls

    /// Returns `nil` if the task has no filter. If its profile cannot be used, it throws.
    func filter(of spec: TaskSpec) async throws(Failure) -> [UInt8]? {
        let withheld = host.kernel.traits.withheldCapabilities
        let capabilities = Capabilities.of(spec, without: withheld)
        switch spec.security.seccomp {
        case .unconfined: return nil
        case .standard:
            switch host.runtime.status.filter {
            case .usable(.none): return nil
            case .usable(.profile(let cache)):
                return cache.document(for: capabilities, isNativeOnly: !spec.compat32)
            case .unseen, .unusable:
                let why = host.runtime.status.refusal ?? "the seccomp profile"
                throw Failure(.shimFailed, why)
            }
        case .profile(let path):
            let content = try await answer(
                ["content", path], .seccompProfileRefused, about: "the seccomp profile \(path)")
            let profile: SeccompProfile
            do throws(SeccompFailure) { profile = try SeccompProfile(json: content) } catch {
                throw Failure(.seccompProfileRefused, "the seccomp profile \(path): \(error)")
            }
            do throws(SystemCallFailure) {
                return try SeccompCache.here(profile)
                    .document(for: capabilities, isNativeOnly: !spec.compat32)
            } catch { throw Failure(.shimFailed, "\(error)") }
        }
    }

    /// Returns the same filter as a program in base64, if the pod's runtime takes that.
    func compiled(_ filter: [UInt8]?, for pod: Pod) async -> String? {
        guard let filter, runtimeVersion(of: pod)?.takesCompiledFilters ?? false else { return nil }
        guard let program = await program(of: filter) else { return nil }
        var text: [UInt8] = []
        appendBase64(program.span, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    private func program(of filter: [UInt8]) async -> [UInt8]? {
        do throws(SystemCallFailure) {
            return await host.compiledFilters.program(of: filter, try host.runtime.shimProgram())
        } catch { return nil }
    }

    /// Returns the program of the task's health check, for the shim to start it without the
    /// runtime; `nil` if the task has no such check, or anything that is not known here.
    /// `filter`: `linux.seccomp` of the task.
    func checkProgram(
        of spec: TaskSpec, as user: ResolvedUser, _ filter: [UInt8]?, for pod: Pod
    ) async -> TaskProgram? {
        guard case .exec(let args)? = spec.health?.check, let task = pod[task: spec.name],
            let rules = runtimeVersion(of: pod).flatMap({ ProgramRules(runtime: $0.name) })
        else { return nil }
        var (unlimited, traits) = (spec, host.kernel.traits)
        let limits = RuntimeSpec.processLimits(of: spec, traits)
        (unlimited.security.rlimits, traits.descriptors) = ([], nil)
        let process = RuntimeSpec.process(of: ExecSpec(args: args), in: unlimited, host: traits)
        let file = ExecFile(
            asRoot: process.asRoot, asOther: process.asOther, umask: spec.security.umask)
        guard !mayTrace(spec),
            var known = rules.program(file.document(user), limits, "\(task.uid)")
        else { return nil }
        guard let filter else { return known }
        guard rules.knows(filter: filter), let program = await program(of: filter) else {
            return nil
        }
        known.filter = program
        return known
    }

    /// Whether the shim has to verify that a task of the pod has its filter.
    func mayOmitFilters(_ pod: Pod) -> Bool { runtimeVersion(of: pod)?.mayOmitFilters ?? true }

    /// Whether a process of the task can trace a process that is not dumpable (ptrace(2)).
    func mayTrace(_ spec: TaskSpec) -> Bool {
        Capabilities.of(spec, without: host.kernel.traits.withheldCapabilities)
            .contains("CAP_SYS_PTRACE")
    }

    private func runtimeVersion(of pod: Pod) -> RuntimeVersion? {
        host.runtime.status.facts(of: pod.spec.runtime)?.version
    }

    // MARK: Devices

    /// The devices of the task's spec, and all of the host if the task is privileged.
    func devices(of spec: TaskSpec) async throws(Failure) -> [DeviceNode] {
        let wanted = spec.security.devices
        var nodes: [DeviceNode] = []
        if !wanted.isEmpty {
            let text = try await answer(
                ["devices"] + wanted.map(\.path), .deviceRefused, about: "the task's devices")
            let found = lines(text)
            guard found.count == wanted.count else {
                throw Failure(.deviceRefused, "\(found.count) of the devices were found")
            }
            nodes = zip(wanted, found).map { device, line in
                line.node(at: device.containerPath, device.permissions)
            }
        }
        guard spec.security.isPrivileged else { return nodes }
        let all = try await answer(["host-devices"], .deviceRefused, about: "the host's devices")
        return nodes
            + lines(all).filter { line in !nodes.contains { $0.path.isSame(as: line.path) } }
            .map { $0.node(at: $0.path, "rwm") }
    }

    /// Why a device cannot be made: the runtime would make it in the source of a mount. `mounts`
    /// have the targets that the mount helper made.
    static func hidden(_ devices: [DeviceNode], by mounts: [MountSpec]) -> String? {
        for device in devices {
            for mount in mounts where device.path.isInside(mount.target) {
                return "the device \(device.path) is in the mount at \(mount.target)"
            }
        }
        return nil
    }

    private func lines(_ text: [UInt8]) -> [DeviceLine] {
        String(decoding: text, as: UTF8.self).fields("\n").compactMap { DeviceLine($0) }
    }

    // MARK: The helper

    private func answer(
        _ words: [String], _ cause: FailureCause, about subject: String
    ) async throws(Failure) -> [UInt8] {
        let answer: Question.Answer
        do throws(SystemCallFailure) {
            let question = try Question(
                ["staunch-shim"] + words, path: try host.runtime.shimProgram(), atMost: 1 << 20)
            answer = await question.answer(within: RuntimeWatch.patience)
        } catch { throw Failure(.shimFailed, "\(error)") }
        switch answer {
        case .said(let text): return text
        case .failed(let why), .unanswered(let why): throw Failure(cause, "\(subject): \(why)")
        case .killed: throw Failure(.shimFailed, "\(subject): the helper was killed")
        }
    }
}

/// A line of the verbs `devices` and `host-devices`.
private struct DeviceLine {
    let kind: DeviceNode.Kind
    let numbers: [Int64]
    let path: String

    init?(_ line: String) {
        let words = line.fields(" ", maxSplits: 6)
        guard words.count == 7, let kind = DeviceNode.Kind(rawValue: words[0]) else { return nil }
        let numbers = words[1...5].compactMap { Int64($0) }
        guard numbers.count == 5 else { return nil }
        (self.kind, self.numbers, path) = (kind, numbers, words[6])
    }

    func node(at place: String, _ access: String) -> DeviceNode {
        DeviceNode(
            path: place, kind: kind, major: numbers[0], minor: numbers[1],
            mode: UInt32(truncatingIfNeeded: numbers[2]),
            uid: UInt32(truncatingIfNeeded: numbers[3]),
            gid: UInt32(truncatingIfNeeded: numbers[4]), access: access)
    }
}
