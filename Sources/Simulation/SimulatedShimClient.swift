// The connection between a daemon and a simulated shim. It ends with its daemon.

package import EventLoop
package import Host
import Kernel
package import ShimProtocol

@Loop package final class SimulatedShimClient: ShimClient {
    private let life: Life
    private weak var shim: SimulatedShim?
    private let events: ShimEvents
    private var pending: [UInt32: CheckedContinuation<ShimReply?, Never>] = [:]
    /// The number of requests that were sent.
    private(set) var lastID: UInt32 = 0
    package private(set) var isOpen = true

    init(_ shim: SimulatedShim, _ life: Life, _ events: ShimEvents) {
        self.shim = shim
        self.life = life
        self.events = events
        shim.line = self
    }

    package func ask(_ request: ShimRequest) async -> ShimReply? {
        guard isOpen else { return nil }
        lastID += 1
        let id = lastID
        return await withCheckedContinuation { continuation in
            pending[id] = continuation
            send(request, id)
        }
    }

    package func ask(
        _ request: ShimRequest, passing source: any ExecPassing
    ) async -> ShimReply? { await ask(request) }

    package func tell(_ request: ShimRequest) {
        lastID += 1
        send(request, lastID)
    }

    private func send(_ request: ShimRequest, _ id: UInt32) {
        // A dead daemon waits for ever. The graveyard keeps it and all that it waits for.
        guard life.goesOn() else { return }
        shim?.take(request, id, from: self)
    }

    package func ended() async { close() }

    // MARK: The shim's end

    func deliver(_ id: UInt32, _ reply: ShimReply) {
        guard life.goesOn() else { return }
        pending.removeValue(forKey: id)?.resume(returning: reply)
    }

    func tell(_ task: String, _ exit: TaskExit) {
        guard life.goesOn() else { return }
        events.sawExit(task, exit)
    }

    func tell(_ exec: String, _ end: WireExecEnd) {
        guard life.goesOn() else { return }
        events.execEnded(exec, end)
    }

    func tellOfAttempts(_ task: SimulatedTask) {
        guard task.restarts != nil, life.goesOn() else { return }
        events.attemptsChanged(task.name)
    }

    func tellOfHealth(_ task: SimulatedTask) {
        guard life.goesOn() else { return }
        events.sawHealth(task.name, task.healthReport)
    }

    func hangUp() {
        guard life.goesOn() else { return }
        close()
    }

    private func close() {
        guard isOpen else { return }
        isOpen = false
        let waiting = pending.values
        pending = [:]
        for continuation in waiting { continuation.resume(returning: nil) }
        events.lost()
    }

    /// Returns what a dead daemon waits for. The caller has to keep it.
    package func takePending() -> [CheckedContinuation<ShimReply?, Never>] {
        Array(pending.values)
    }
}
