// Network plugins in memory: they take time, fail, hang, are killed half-way, and say yes without
// having done all of their work.

package import CNI
import EventLoop
package import Host
package import Kernel
package import Model

/// The objects of one pod that plugins have made.
package struct SimulatedAttachments: Equatable, Sendable {
    /// Each is a kind and the name of an interface. The kernel removes the links of a network
    /// namespace with it, and nothing else.
    package enum Object: Hashable, Sendable {
        case address(String)
        case link(String)
        case rules(String)
    }

    package var objects: Set<Object> = []
    /// The note on the disk.
    package var note: [UInt8]?

    package init() {}

    var isEmpty: Bool { objects.isEmpty && note == nil }

    mutating func loseNamespace() {
        objects = objects.filter { if case .link = $0 { false } else { true } }
    }
}

extension World {
    /// Makes a network of one plugin the only one of the configuration directory.
    package func configureNetwork() {
        let text = #"{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "plugin"}]}"#
        configurationFiles = ConfigurationFiles(
            directory: "/etc/cni/net.d",
            files: [.init(name: "10-net.conflist", content: .bytes(Array(text.utf8)))],
            plugins: [.init(path: "/opt/cni/bin", marks: ["plugin": "1"])])
    }

    /// Runs `steps` as a helper in the pod's cgroup for plugins, even if the daemon dies. Returns
    /// `false` if the helper was killed; the steps so far are done then.
    fileprivate func runPlugins(
        _ uid: UID, _ life: Life, _ steps: [@Loop (SimulatedPod) -> Void]
    ) async -> Bool {
        let pod = pod(uid)
        let helper = newPID()
        pod.makeCgroup("/\(uid)/cni", holding: helper)
        return await withCheckedContinuation { continuation in
            work(on: pod, helper, steps[...]) { [self] isDone in
                pod.end(helper)
                tidy(uid)
                if life.goesOn() {
                    continuation.resume(returning: isDone)
                } else {
                    graveyard.append(continuation)
                }
            }
        }
    }

    private func work(
        on pod: SimulatedPod, _ helper: Int32, _ steps: ArraySlice<@Loop (SimulatedPod) -> Void>,
        _ done: @escaping @Loop (Bool) -> Void
    ) {
        let milliseconds = dice.once(in: 20) ? dice.below(4000) : dice.below(20)
        after(milliseconds: milliseconds) { [self] in
            retrying(every: 50) { [self] in
                guard pod.processes(in: "/\(pod.uid)/cni").contains(helper) else {
                    done(false)
                    return true
                }
                if isDiskStuck { return false }
                guard let step = steps.first else {
                    done(true)
                    return true
                }
                step(pod)
                work(on: pod, helper, steps.dropFirst(), done)
                return true
            }
        }
    }
}

extension SimulatedHost {
    package func versions(
        of plugins: [FoundPlugin], for pod: UID
    ) async throws(Failure) -> [String: [CNIVersion]] {
        try mayGoOn()
        guard await world.runPlugins(pod, life, []) else { throw killed }
        return plugins.reduce(into: [:]) { $0[$1.type] = CNIVersion.known }
    }

    package func attach(
        _ attachment: PodAttachment, of pod: UID, note: [UInt8]
    ) async throws(Failure) -> PodAttachment.Made {
        try mayGoOn()
        let name = attachment.interface
        var steps: [@Loop (SimulatedPod) -> Void] = [
            { $0.plugins.note = note },
            { $0.plugins.objects.insert(.address(name)) },
            { pod in if pod.shim != nil { pod.plugins.objects.insert(.link(name)) } },
            { $0.plugins.objects.insert(.rules(name)) },
        ]
        let isRefused = world.dice.once(in: 15)
        if isRefused { steps.removeLast(world.dice.below(steps.count)) }
        guard await world.runPlugins(pod, life, steps) else { throw killed }
        if isRefused { throw Failure(.networkFailed, "the plugin refuses") }
        return PodAttachment.Made(
            result: [], mac: nil, hostInterface: "veth\(pod)", addresses: [], gateways: [])
    }

    package func check(
        _ attachment: PodAttachment, of pod: UID, isWanted: @Loop () -> Bool
    ) async -> String? {
        // Others are before it.
        if world.dice.once(in: 3) {
            await Loop.shared.reactor.pause(milliseconds: Int64(world.dice.below(2000)))
        }
        guard isWanted() else { return nil }
        guard await world.runPlugins(pod, life, []) else { return killed.detail }
        return world.dice.once(in: 4) ? "the plugin finds fault" : nil
    }

    /// Without the namespace, DEL says yes and leaves the rules, as Debian's plugins do.
    package func detach(
        _ attachments: [PodAttachment], of pod: UID, from shim: ProcessIdentity?, areDeleted: Bool
    ) async -> PluginDetachment {
        let isRefused = world.dice.once(in: 9)
        if !areDeleted && world.arePluginsGone {
            let why = "DEL of the plugin 'plugin': no directory has it"
            return PluginDetachment(areDeleted: false, blocker: Blocker(why))
        }
        if !areDeleted {
            let steps = attachments.filter { $0.shim != nil }.reversed().map(deletion)
            let isDone = await world.runPlugins(pod, life, steps)
            if !isDone || isRefused {
                return PluginDetachment(areDeleted: false, blocker: Blocker("DEL failed"))
            }
        }
        let remains: [@Loop (SimulatedPod) -> Void] = [
            { $0.plugins.objects = [] }, { $0.plugins.note = nil },
        ]
        let isDone = await world.runPlugins(pod, life, remains)
        return PluginDetachment(
            areDeleted: true,
            blocker: isDone ? world.leftByPlugins : Blocker("the helper was killed"),
            hasLooked: isDone)
    }

    private func deletion(of attachment: PodAttachment) -> @Loop (SimulatedPod) -> Void {
        { pod in
            let name = attachment.interface
            pod.plugins.objects.subtract([.address(name), .link(name)])
            guard pod.shim?.pid == attachment.shim?.pid else { return }
            pod.plugins.objects.remove(.rules(name))
        }
    }

    package func attachmentNote(_ pod: UID) async throws(SystemCallFailure) -> [UInt8] {
        try life.check()
        await world.sleep(milliseconds: 5)
        if world.dice.once(in: 20) {
            throw SystemCallFailure(call: "read", subject: "note", errno: 5)
        }
        return world.pods[pod]?.plugins.note ?? []
    }

    package func plugin(of pod: UID) -> String? { nil }

    private var killed: Failure { Failure(.networkFailed, "the plugins' helper was killed") }

    private func mayGoOn() throws(Failure) {
        do throws(SystemCallFailure) { try life.check() } catch {
            throw Failure(.networkFailed, "\(error)")
        }
    }
}
