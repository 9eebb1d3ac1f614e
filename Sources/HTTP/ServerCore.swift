//  The state that all connections of a server share.

import Glibc
import Synchronization

final class ServerCore: Sendable {
    enum Seating { case seated, full, stopping }

    private struct Streams {
        var open: [ObjectIdentifier: HTTPStream] = [:]
        var isStopping = false
    }

    let settings: HTTPServerSettings
    let handler: any HTTPHandler
    let suspended: SuspendedConnections
    let evictor: ConnectionEvictor
    let log: (@Sendable (String) -> Void)?
    let requests = Atomic(0)
    let connections = Atomic(0)
    /// The size in bytes of all bodies that are not handled yet.
    let bodyBytes = Atomic(0)
    private let idle: Alarm
    private let isStopping = Atomic(false)
    private let streams = Mutex(Streams())

    init(
        settings: HTTPServerSettings, handler: any HTTPHandler, suspended: SuspendedConnections,
        log: (@Sendable (String) -> Void)?
    ) throws(HTTPServerFailure) {
        self.settings = settings
        self.handler = handler
        self.suspended = suspended
        self.evictor = ConnectionEvictor(limit: settings.connectionLimit, handler)
        self.log = log
        self.idle = try Alarm()
    }

    func requestBegan() { requests.add(1, ordering: .relaxed) }

    func requestEnded() {
        let left = requests.subtract(1, ordering: .sequentiallyConsistent).newValue
        if left == 0, isStopping.load(ordering: .sequentiallyConsistent) { idle.ring() }
    }

    /// Lets a stream begin on a connection, unless the limit is reached or the server stops.
    func seat(_ stream: HTTPStream) -> Seating {
        streams.withLock { streams in
            if streams.isStopping { return .stopping }
            if streams.open.count >= settings.streamLimit { return .full }
            streams.open[ObjectIdentifier(stream)] = stream
            return .seated
        }
    }

    func unseat(_ stream: HTTPStream) {
        _ = streams.withLock { $0.open.removeValue(forKey: ObjectIdentifier(stream)) }
    }

    var openStreams: Int { streams.withLock { $0.open.count } }

    /// Ends every wait and every stream, and prevents new ones.
    func stop() {
        isStopping.store(true, ordering: .sequentiallyConsistent)
        let open = streams.withLock { streams in
            streams.isStopping = true
            return Array(streams.open.values)
        }
        for stream in open { stream.stop() }
        suspended.stop()
    }

    /// Waits until no request is under way, or until the time is up.
    func waitUntilIdle(milliseconds: UInt64) {
        let deadline = monotonicNow() + milliseconds * 1_000_000
        while requests.load(ordering: .sequentiallyConsistent) > 0 {
            let now = monotonicNow()
            guard now < deadline else { return }
            _ = idle.sleep(milliseconds: CInt((deadline - now) / 1_000_000 + 1))
        }
    }
}
