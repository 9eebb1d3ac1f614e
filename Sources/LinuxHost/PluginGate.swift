// Limits how many chains of plugins run at once for one network, because plugins wait for each
// other in locks of their own, and the more of them the longer.

import EventLoop
import Model

/// The chains of one daemon. A chain that takes long loses its place, and continues without one, so
/// that no plugin that hangs delays another pod (law 11).
@Loop final class PluginGate {
    private struct Queue {
        var taken = 0
        var waiting: [CheckedContinuation<PluginPlace, Never>] = []
    }

    private static let places = 4
    private var queues: [String: Queue] = [:]

    nonisolated init() {}

    func enter(_ network: String) async -> PluginPlace {
        if queues[network, default: Queue()].taken < PluginGate.places { return take(network) }
        return await withCheckedContinuation { queues[network]?.waiting.append($0) }
    }

    private func take(_ network: String) -> PluginPlace {
        queues[network, default: Queue()].taken += 1
        return PluginPlace(self, network)
    }

    fileprivate func free(_ network: String) {
        queues[network]?.taken -= 1
        if queues[network]?.waiting.isEmpty ?? true {
            if queues[network]?.taken == 0 { queues[network] = nil }
            return
        }
        queues[network]?.waiting.removeFirst().resume(returning: take(network))
    }
}

/// One of the places of a network.
@Loop final class PluginPlace {
    /// Milliseconds after which the chain loses its place.
    private static let patience: Int64 = 10_000

    private let gate: PluginGate
    private let network: String
    private var isHeld = true

    fileprivate init(_ gate: PluginGate, _ network: String) {
        self.gate = gate
        self.network = network
        Loop.shared.reactor.after(milliseconds: PluginPlace.patience) { [weak self] in
            onLoop { self?.leave() }
        }
    }

    func leave() {
        guard isHeld else { return }
        isHeld = false
        gate.free(network)
    }
}
