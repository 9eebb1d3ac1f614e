// The interfaces of a pod on networks of plugins (CNI): the interfaces themselves, and whatever the
// plugins keep of the pod elsewhere, such as addresses and rules of the firewall.
//
// The record has the attachments before the first plugin runs, so DEL follows each ADD, whatever
// its outcome. A note on the disk has them, too, because addresses outlive a reboot. DEL runs while
// the shim, and with it the pod's network namespace, lives: without the namespace plugins say yes,
// and leave rules. The step ends on what the host shows, and not on a plugin's yes (law 19).

import Documents
import EventLoop
import Host
import Kernel
import Model
import Teardown

@Loop enum Attachments {
    /// Removes the pod from its networks. Without a record the note tells the networks.
    static func remove(_ removal: PodRemoval) async throws(SystemCallFailure) -> StepOutcome {
        let controller = removal.controller
        let attachments: [PodAttachment]
        if let pod = removal.engine.registry.wholePod(removal.uid) {
            attachments = pod.attachments
            if attachments.allSatisfy({ $0.shim == nil }) { return .alreadyGone }
        } else {
            do { attachments = try await noted(removal) } catch {
                return .blocked(Blocker("the note about the pod's networks: \(error)"))
            }
        }
        // A plugin of an interrupted ADD or DEL may still be at work.
        let killed = try removal.kill(in: removal.layout.plugins(removal.uid))
        guard killed == .alreadyGone else { return killed }
        // Its helper may be about to enter the cgroup.
        if controller.isCheckRunning { return .blocked(Blocker("CHECK of a plugin has not ended")) }
        let isShimAlive = try removal.shim() != nil
        let abandonment = removal.abandonment
        let outcome = await removal.host.detach(
            attachments, of: removal.uid, from: isShimAlive ? controller.shim?.process : nil,
            areDeleted: removal.areDetached || abandonment != nil)
        guard let abandonment else {
            removal.areDetached = outcome.areDeleted
            return StepOutcome(outcome.blocker)
        }
        // The host is still looked at for the pod, and what was seen is named.
        if let blocker = outcome.blocker, !outcome.hasLooked { return .blocked(blocker) }
        return .abandoned(Forsaken(abandonment, left: outcome.blocker))
    }

    private static func noted(_ removal: PodRemoval) async throws -> [PodAttachment] {
        let note = try await removal.host.attachmentNote(removal.uid)
        return note.isEmpty ? [] : try PodAttachment.read(note: note)
    }
}

// MARK: - network.attach

extension PodController {
    /// Attaches the pod to each of its networks, in their order. After a restart of the daemon, an
    /// ADD of unknown outcome is followed by DEL, and then by a new ADD.
    func attachNetworks(_ operation: PodOperation) async throws(Failure) {
        try checkGoing(operation)
        let plugins = layoutOfPlugins
        try await step(.networkAttach, nil, operation) { () async throws(Failure) in
            let watch = CancelWatch(operation.id, plugins, self.engine)
            defer { watch.end() }
            do throws(Failure) { try await self.attachAll(operation) } catch {
                try self.checkGoing(operation)
                throw Failure(
                    cause: error.cause, detail: error.detail, step: .create(.networkAttach))
            }
        }
    }

    private func attachAll(_ operation: PodOperation) async throws(Failure) {
        guard let pod = engine.registry.pod(uid), let shim = shim?.process else {
            throw Failure(.shimFailed, "the pod's shim is gone")
        }
        var attachments = pod.attachments
        if attachments.isEmpty {
            await engine.attachmentGarbage.ended()
            attachments = try await planAttachments(of: pod)
        }
        let begun = attachments.contains { $0.shim != nil }
        if begun && attachments.allSatisfy({ $0.made != nil && $0.shim == shim }) { return }
        if begun { try await takeBack(attachments, shim, operation) }
        for index in attachments.indices {
            attachments[index].shim = shim
            attachments[index].made = nil
        }
        await store(attachments)
        let note = PodAttachment.note(attachments)
        for index in attachments.indices {
            try checkGoing(operation)
            attachments[index].made = try await host.attach(
                attachments[index], of: uid, note: note)
            await store(attachments)
        }
    }

    /// Removes what an interrupted attempt has made. Plugins that were killed half-way may fail
    /// once, and then succeed.
    private func takeBack(
        _ attachments: [PodAttachment], _ shim: ProcessIdentity, _ operation: PodOperation
    ) async throws(Failure) {
        var areDeleted = false
        var why = Blocker("nothing was tried")
        for _ in 0..<5 {
            try checkGoing(operation)
            do throws(SystemCallFailure) {
                if try host.processes(in: layoutOfPlugins).isEmpty {
                    let outcome = await host.detach(
                        attachments, of: uid, from: shim, areDeleted: areDeleted)
                    areDeleted = outcome.areDeleted
                    guard let blocker = outcome.blocker else { return }
                    why = blocker
                } else {
                    try host.kill(layoutOfPlugins)
                }
            } catch { why = Blocker(error) }
            await Loop.shared.reactor.pause(milliseconds: 50)
        }
        throw Failure(.networkFailed, "after an interrupted attempt: \(why.reason)")
    }

    private func store(_ attachments: [PodAttachment]) async {
        await engine.registry.commitUntilAccepted(engine) { [uid] transaction in
            guard var pod = transaction.pod(uid: uid), pod.attachments != attachments else {
                return
            }
            pod.attachments = attachments
            transaction.put(pod)
        }
    }

    var layoutOfPlugins: String { engine.layout.plugins(uid) }

    /// Asks the plugins whether the interfaces of a pod, which another daemon has made, are as they
    /// should be. The answer is shown, and nothing is changed: some plugins find fault with
    /// interfaces that work.
    func checkAttachments() async {
        let attachments = engine.registry.pod(uid)?.attachments ?? []
        for attachment in attachments where attachment.made != nil {
            let fault = await host.check(attachment, of: uid) { self.beginsCheck() }
            isCheckRunning = false
            guard let fault, let pod = engine.registry.pod(uid), pod.isSettled else { continue }
            engine.log.write(
                .warning, "plugins find fault with a pod's network",
                ["pod": pod.name.text, "uid": "\(uid)", "why": fault])
            engine.registry.showPod(uid) { $0.networkFault = fault }
            return
        }
    }

    /// Whether CHECK may begin now. It begins for no pod that is being removed, because it would
    /// make the pod's cgroup for plugins again. A removal waits for a CHECK that has begun.
    private func beginsCheck() -> Bool {
        isCheckRunning = settledPod != nil
        return isCheckRunning
    }
}

/// Kills the plugins of a create that is called off, also plugins that start just then.
@Loop private final class CancelWatch {
    private let operation: UID
    private let plugins: String
    private let engine: Engine
    private var hasEnded = false

    init(_ operation: UID, _ plugins: String, _ engine: Engine) {
        self.operation = operation
        self.plugins = plugins
        self.engine = engine
        lookLater()
    }

    func end() { hasEnded = true }

    private func lookLater() {
        Loop.shared.reactor.after(milliseconds: 500) { [weak self] in onLoop { self?.look() } }
    }

    private func look() {
        guard !hasEnded else { return }
        if engine.registry.openOperation(operation)?.state == .canceling {
            ignoring("the next look tries again") { () throws(SystemCallFailure) in
                try engine.host.kill(plugins)
            }
        }
        lookLater()
    }
}
