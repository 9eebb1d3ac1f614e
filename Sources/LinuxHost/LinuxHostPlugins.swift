// Networks that plugins make (CNI). A helper in a cgroup of the pod runs the plugins, one after
// another, in the host's namespaces. So a plugin that hangs is found there, after a restart of the
// daemon, too.

import Bytes
package import CNI
import EventLoop
import Host
import JSON
package import Kernel
import Linux
package import Model
import ShimProtocol

extension LinuxHost {
    package func versions(
        of plugins: [FoundPlugin], for pod: UID
    ) async throws(Failure) -> [String: [CNIVersion]] {
        var versions: [String: [CNIVersion]] = [:]
        for plugin in plugins {
            guard let path = plugin.path, let marks = plugin.marks else { continue }
            if let known = pluginVersions.of(path, marks) {
                versions[plugin.type] = known
                continue
            }
            let answer = try await version(of: plugin.type, path, pod)
            pluginVersions.keep(answer, of: path, marks)
            versions[plugin.type] = answer
        }
        return versions
    }

    private func version(
        of type: String, _ path: String, _ pod: UID
    ) async throws(Failure) -> [CNIVersion] {
        let directory = Files.parent(of: path) ?? "/"
        let request = PluginRequest.versions(of: type)
            .program(in: [directory], keeping: PluginOutput.byteLimit)
        let report = try await run(WirePluginWork(chains: [WireChain([request])]), for: pod)
        let said = try output(report.chains.first?.first, of: type, "VERSION", nil)
        do throws(PluginFailure) { return try said.versions() } catch {
            throw failed(type, "VERSION", nil, error)
        }
    }

    package func attach(
        _ attachment: PodAttachment, of pod: UID, note: [UInt8]
    ) async throws(Failure) -> PodAttachment.Made {
        let place = await pluginGate.enter(attachment.network)
        defer { place.leave() }
        let chain = try usable(attachment, pod)
        var previous: AddResult?
        for index in chain.chain.configuration.plugins.indices {
            let request = chain.chain.add(index, chain.asked, previous: previous)
            let program = request.program(
                in: attachment.directories, keeping: PluginOutput.byteLimit)
            let work = WirePluginWork(
                shim: attachment.shim.map(WireProcess.init),
                note: index == 0
                    ? WireNote(directory: layout.notes, name: "\(pod)", content: note) : nil,
                chains: [WireChain([program])])
            let end = try await run(work, for: pod).chains.first?.first
            let said = try output(end, of: request.type, "ADD", attachment)
            do throws(PluginFailure) {
                previous = try said.added(asked: chain.chain.version)
            } catch { throw failed(request.type, "ADD", attachment, error) }
        }
        guard let previous else {
            throw Failure(.networkFailed, "\(attachment.description): no plugin has run")
        }
        return PodAttachment.Made(previous, attachment, chain.chain.version)
    }

    package func check(
        _ attachment: PodAttachment, of pod: UID, isWanted: @Loop () -> Bool
    ) async -> String? {
        let chain: AttachedChain
        do throws(Failure) { chain = try usable(attachment, pod) } catch { return error.detail }
        guard let result = chain.result else { return nil }
        let requests = chain.chain.check(chain.asked, result: result)
        if requests.isEmpty { return nil }
        let place = await pluginGate.enter(attachment.network)
        defer { place.leave() }
        guard isWanted() else { return nil }
        let work = WirePluginWork(
            shim: attachment.shim.map(WireProcess.init),
            chains: [WireChain(requests.map { $0.program(for: attachment) })])
        do throws(Failure) {
            let ends = try await run(work, for: pod).chains.first ?? []
            return blocker(requests, ends, attachment)?.reason
        } catch { return error.detail }
    }

    /// Why the first failed request of a chain failed; `nil` if all have succeeded.
    func blocker(
        _ requests: [PluginRequest], _ ends: [WireProgramEnd], _ attachment: PodAttachment
    ) -> Blocker? {
        for (index, request) in requests.enumerated() {
            let verb = request.verb.rawValue
            do throws(Failure) {
                let end = ends.indices.contains(index) ? ends[index] : nil
                let said = try output(end, of: request.type, verb, attachment)
                do throws(PluginFailure) { try said.succeeded() } catch {
                    throw failed(request.type, verb, attachment, error)
                }
            } catch { return Blocker(error.detail) }
        }
        return nil
    }

    private func usable(
        _ attachment: PodAttachment, _ pod: UID
    ) throws(Failure) -> AttachedChain {
        do throws(UnusableAttachment) {
            return try AttachedChain(attachment, of: pod, namespace: attachment.namespace)
        } catch { throw Failure(.networkFailed, error.detail) }
    }

    private func output(
        _ end: WireProgramEnd?, of type: String, _ verb: String, _ attachment: PodAttachment?
    ) throws(Failure) -> PluginOutput {
        if let end, let output = PluginOutput(end) { return output }
        let why = end?.refusal ?? "the plugin was not run"
        throw Failure(.networkFailed, "\(subject(type, verb, attachment)): \(why)")
    }

    private func failed(
        _ type: String, _ verb: String, _ attachment: PodAttachment?, _ failure: PluginFailure
    ) -> Failure {
        Failure(.networkFailed, "\(subject(type, verb, attachment)): \(failure.detail)")
    }

    private func subject(_ type: String, _ verb: String, _ attachment: PodAttachment?) -> String {
        "\(verb) of the plugin '\(type)'"
            + (attachment.map { " for \($0.description)" } ?? "")
    }

    /// Runs a helper in the pod's cgroup for plugins.
    func run(
        _ work: WirePluginWork, for pod: UID
    ) async throws(Failure) -> WirePluginReport {
        do {
            let words = ["staunch-shim", "in", layout.plugins(pod), "plugins", "run"]
            try limitPlugins(pod)
            defer { pluginHelpers[pod] = nil }
            let outcome = try await Helper.run(
                words, path: try shimProgram(), input: work.document()
            ) { pluginHelpers[pod] = $0 }
            if let blocker = outcome.blocker {
                throw Failure(.networkFailed, "the plugins' helper: \(blocker.reason)")
            }
            return try WirePluginReport.parse(document: outcome.output)
        } catch let failure as Failure {
            throw failure
        } catch { throw Failure(.networkFailed, "the plugins' helper: \(error)") }
    }

    package func attachmentNote(_ pod: UID) async throws(SystemCallFailure) -> [UInt8] {
        let path = "\(layout.notes)/\(pod)"
        let outcome = try await Helper.run(
            ["staunch-shim", "plugins", "read", path], path: try shimProgram())
        if let blocker = outcome.blocker {
            throw SystemCallFailure(call: "read", subject: "\(path): \(blocker.reason)", errno: 5)
        }
        return outcome.output
    }

    package func plugin(of pod: UID) -> String? {
        guard let helper = pluginHelpers[pod] else { return nil }
        var working: [Int32] = []
        ignoring("the helper itself is shown") { () throws(SystemCallFailure) in
            working = try processes(in: layout.plugins(pod)).filter { $0 != helper }.sorted()
        }
        let shown = working.first ?? helper
        let command = command(of: shown).map { "\($0), " } ?? ""
        return "a plugin: \(command)\(place(of: shown))"
    }
}

/// The versions that plugins have told.
@Loop final class PluginVersions {
    /// By the plugin's path. Other marks mean another file.
    private var known: [String: (marks: String, versions: [CNIVersion])] = [:]

    nonisolated init() {}

    func of(_ path: String, _ marks: String) -> [CNIVersion]? {
        known[path].flatMap { $0.marks.isSame(as: marks) ? $0.versions : nil }
    }

    func keep(_ versions: [CNIVersion], of path: String, _ marks: String) {
        known[path] = (marks, versions)
    }
}

extension PodAttachment {
    /// The path of the pod's network namespace. It exists as long as the shim.
    var namespace: String? { shim.map { "/proc/\($0.pid)/ns/net" } }
}

extension PodAttachment.Made {
    fileprivate init(_ result: AddResult, _ attachment: PodAttachment, _ version: CNIVersion) {
        let interface = result.attached(attachment.interface)
        self.init(
            result: result.bytes(as: version), mac: interface.mac,
            hostInterface: interface.hostInterface, addresses: interface.addresses,
            gateways: interface.gateways)
    }
}

extension WireProcess {
    init(_ process: ProcessIdentity) {
        self.init(pid: process.pid, startTicks: process.startTicks)
    }
}
