// One stream of events from the engine's store to the connection, at the client's pace.
//
// The connection owns the stream, the stream owns the feed, and the feed only refers to the stream.
// So the stream always ends with its connection, and then calls `onClose`.

import Bytes
import Documents
import Engine
import HTTP
import Linux
import Model
import Synchronization

final class EventFeed: Sendable {
    enum Format: Sendable {
        /// One JSON object per line (NDJSON).
        case lines
        /// Server-sent events (HTML Living Standard, section 9.2).
        case serverSent
    }

    private struct State {
        weak var stream: HTTPStream?
        /// All events up to this revision have been pulled.
        var revision: UInt64
        var isBookmarkDue = true
        var token: EngineToken?
    }

    /// Events in one batch: about 16 KiB, the most that a client which does not read costs.
    private static let batch = 64

    private let format: Format
    private let engine: Engine
    private let state: Mutex<State>

    private init(_ format: Format, since: UInt64, engine: Engine) {
        self.format = format
        self.engine = engine
        state = Mutex(State(revision: since))
    }

    /// Follows the events after `since`; throws if they are no longer kept.
    static func open(
        _ format: Format, since: UInt64, engine: Engine, beats: Heartbeat
    ) throws(Refusal) -> HTTPStream {
        _ = try engine.events(after: since, limit: 1)
        let feed = EventFeed(format, since: since, engine: engine)
        let stream = HTTPStream(
            contentType: format == .lines ? "application/x-ndjson" : "text/event-stream",
            headers: [("Cache-Control", "no-store")],
            pull: { feed.pull() }, onClose: { _ in beats.remove(feed) })
        let token = engine.followEvents { feed.wake() }
        feed.state.withLock { state in
            state.stream = stream
            state.token = token
        }
        beats.add(feed)
        return stream
    }

    /// Makes the next bookmark due.
    func beat() {
        state.withLock { $0.isBookmarkDue = true }
        wake()
    }

    func unsubscribe() {
        if let token = state.withLock({ $0.token.take() }) { engine.cancel(token) }
    }

    /// Not under the lock, because the stream calls the feed.
    private func wake() { state.withLock { $0.stream }?.wake() }

    /// A bookmark contains the revision that the stream has reached, not that of the engine. If the
    /// client is slower than the retention of events, it is cut off. When it continues, it receives
    /// 410.
    private func pull() -> HTTPStreamPull {
        state.withLock { state in
            var out: [UInt8] = []
            if state.isBookmarkDue {
                state.isBookmarkDue = false
                let time = Timestamp(milliseconds: SystemClock.wall)
                let bookmark = Bookmark(revision: state.revision, time: time)
                add(bookmark.document().bytes, Bookmark.kind, state.revision, to: &out)
            }
            do throws(Refusal) {
                let items = try engine.events(after: state.revision, limit: EventFeed.batch)
                out.reserveCapacity(items.reduce(out.count) { $0 + $1.document.count + 64 })
                for item in items {
                    state.revision = item.revision
                    add(item.document, item.kind, item.revision, to: &out)
                }
            } catch {
                // The stream cannot tell why it ends, so the log alone has the cause of a fault.
                if case .fault(let cause) = error {
                    engine.log.fault(cause, instance: "/v1/events")
                }
                return .cut
            }
            return out.isEmpty ? .nothing : .bytes(out)
        }
    }

    private func add(
        _ document: [UInt8], _ kind: @autoclosure () -> String, _ revision: UInt64,
        to out: inout [UInt8]
    ) {
        switch format {
        case .lines:
            out += document
        case .serverSent:
            out += "id: \(revision)\nevent: \(kind())\ndata: ".utf8
            out += document
            out.append(UInt8(ascii: "\n"))
        }
        out.append(UInt8(ascii: "\n"))
    }
}
