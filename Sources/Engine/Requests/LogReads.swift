// A task's log for one client. A helper reads it, from its start or from a place on, and follows it
// until it is complete.

import EventLoop
package import Host
import Kernel
package import Model
package import ShimProtocol
import Synchronization

/// One client's reading. Any thread may call it.
package final class LogReading: Sendable {
    private struct State {
        var source: (any LogSource)?
        var isClosed = false
        var hasFailed = false
    }

    private let state = Mutex(State())
    private let wake: @Sendable () -> Void

    fileprivate init(wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// The next part of the log.
    package func pull() -> LogPull {
        let (source, hasFailed) = state.withLock { ($0.source, $0.hasFailed) }
        if hasFailed { return .failed }
        return source?.pull() ?? .nothing
    }

    /// Ends the reading: the client has gone.
    package func close() {
        let source = state.withLock { state in
            state.isClosed = true
            return state.source.take()
        }
        source?.close()
    }

    fileprivate var isClosed: Bool { state.withLock { $0.isClosed } }

    fileprivate func finish() { state.withLock { $0.source }?.finish() }

    @Loop fileprivate func begin(
        _ pod: UID, _ task: TaskSpec, _ query: LogQuery, _ host: any Host
    ) {
        if isClosed { return }
        do throws(SystemCallFailure) {
            let source = try host.readLog(
                pod, task.name, path: task.log.path, query, ready: wake)
            let isClosed = state.withLock { state in
                if !state.isClosed { state.source = source }
                return state.isClosed
            }
            if isClosed { source.close() }
        } catch { state.withLock { $0.hasFailed = true } }
        wake()
    }
}

extension Engine {
    /// Begins to read a task's log. Calls `wake` when there is something to pull; the caller closes
    /// the reading.
    package func readLog(
        of task: PodTask, in pod: UID, _ query: LogQuery, wake: @escaping @Sendable () -> Void
    ) -> LogReading {
        let reading = LogReading(wake: wake)
        onLoop {
            reading.begin(pod, task.spec, query, self.host)
            if query.follows { self.logFollowers.add(reading, pod, task, self) }
        }
        return reading
    }
}

/// The readings that follow a log, until it is complete.
@Loop final class LogFollowers {
    private struct Follower {
        let reading: LogReading
        let pod: UID
        let task: UID
    }

    private var followers: [Follower] = []
    /// The subscription to changes of pods, while there are followers.
    private var token: EngineToken?

    nonisolated init() {}

    func add(_ reading: LogReading, _ pod: UID, _ task: PodTask, _ engine: Engine) {
        followers.append(Follower(reading: reading, pod: pod, task: task.uid))
        if token == nil {
            token = engine.followEvents { [weak self, weak engine] in
                onLoop {
                    guard let self, let engine else { return }
                    self.look(engine)
                }
            }
        }
        look(engine)
    }

    /// Tells the readings whose log is complete, and forgets them.
    func look(_ engine: Engine) {
        if followers.isEmpty { return }
        followers.removeAll { follower in
            if follower.reading.isClosed { return true }
            guard engine.registry.isLogComplete(follower.task, of: follower.pod) else {
                return false
            }
            follower.reading.finish()
            return true
        }
        if followers.isEmpty, let token {
            engine.cancel(token)
            self.token = nil
        }
    }
}

extension Registry {
    /// Whether nothing more will come into the log of a task.
    fileprivate func isLogComplete(_ task: UID, of pod: UID) -> Bool {
        guard let pod = self.pod(pod), let found = pod.tasks.first(where: { $0.uid == task })
        else { return true }
        if pod.state == .lost || pod.isReleased && pod.state == .stopped { return true }
        if found.state.exit == nil || found.nextStart != nil { return false }
        // A shim that tells nothing of logs is an older one.
        return found.log?.isComplete ?? true
    }
}
