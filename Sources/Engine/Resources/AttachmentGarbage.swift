// GC of the network plugins (CNI 1.1): they remove what they keep of attachments that no pod has,
// such as addresses of a former data directory.
//
// It runs only if the operator asks for it, because a plugin would also remove the attachments of
// another runtime that uses the same networks. Everything else that a plugin leaves behind is found
// by the pod's uid, with or without GC.

import Bytes
import CNI
import EventLoop
import Host
import Kernel
import Model

/// The GC of a daemon's start.
@Loop final class AttachmentGarbage {
    private var isRunning = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    nonisolated init() {}

    /// Begins the GC. Call it before anything is attached, because what is attached later is not in
    /// the list of what the plugins keep.
    func begin(_ engine: Engine) {
        let pods = engine.pods().pods
        if let lost = pods.first(where: \.isSpecLost) {
            return engine.log.write(
                .warning, "no GC of networks",
                ["why": "the record of the pod \(lost.uid) does not tell its attachments"])
        }
        isRunning = true
        onLoop {
            await self.collect(pods.flatMap(\.validAttachments), engine)
            self.isRunning = false
            let waiting = self.waiting
            self.waiting = []
            for waiter in waiting { waiter.resume() }
        }
    }

    /// Returns once no GC runs. It has a bounded time.
    func ended() async {
        guard isRunning else { return }
        await withCheckedContinuation { waiting.append($0) }
    }

    private func collect(_ valid: [(network: String, ValidAttachment)], _ engine: Engine) async {
        let networks: [ConfiguredNetwork]
        do throws(SystemCallFailure) {
            networks = ConfiguredNetworks(try await engine.host.configurationFiles()).networks
        } catch { return engine.log.write(.warning, "no GC of networks", ["why": "\(error)"]) }
        for network in networks {
            let name = network.configuration.name
            let kept = valid.filter { $0.network.isSame(as: name) }.map(\.1)
            let failures = await engine.host.collectGarbage(
                of: network, engine.settings.pluginDirectories, keeping: kept)
            guard let failures else { continue }
            engine.log.write(
                .info, "GC of a network ended", ["network": name, "kept": "\(kept.count)"])
            for why in failures {
                engine.log.write(.warning, "GC of a network failed", ["network": name, "why": why])
            }
        }
    }
}

extension Pod {
    fileprivate var validAttachments: [(network: String, ValidAttachment)] {
        attachments.map {
            ($0.network, ValidAttachment(containerID: "\(uid)", interface: $0.interface))
        }
    }
}
