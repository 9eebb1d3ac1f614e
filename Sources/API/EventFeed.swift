// One stream of events: from the engine's subscription into the connection.
//
// The connection owns the stream, the stream's end owns the feed, and the feed only knows the
// stream: so whatever becomes of the connection, the stream goes with it, and tells.

import Bytes
import Documents
import Engine
import HTTP
import Linux
import Model
import Synchronization

final class EventFeed: Sendable {
    enum Format: Sendable {
        /// One JSON object a line (NDJSON).
        case lines
        /// Server-sent events (HTML Living Standard, section 9.2).
        case serverSent
    }

    private struct State {
        weak var stream: HTTPStream?
        /// Everything up to here has been pushed.
        var revision: UInt64
        var token: EngineToken?
    }

    private struct Item {
        let revision: UInt64
        let kind: String
        let document: [UInt8]
    }

    private let format: Format
    private let engine: Engine
    private let state: Mutex<State>

    private init(_ format: Format, since: UInt64, engine: Engine) {
        self.format = format
        self.engine = engine
        state = Mutex(State(revision: since))
    }

    /// Follows the events after `since`; throws where they are not kept any more.
    static func open(
        _ format: Format, since: UInt64, engine: Engine, beats: Heartbeat
    ) throws(Problem) -> HTTPStream {
        let feed = EventFeed(format, since: since, engine: engine)
        let stream = HTTPStream(
            contentType: format == .lines ? "application/x-ndjson" : "text/event-stream",
            headers: [("Cache-Control", "no-store")],
            queueLimit: queueLimit(behind: engine.revision, since),
            onClose: { _ in beats.remove(feed) })
        feed.state.withLock { $0.stream = stream }
        feed.pushBookmark()
        let token = try engine.subscribe(since: since) { feed.push($0) }
        feed.state.withLock { $0.token = token }
        beats.add(feed)
        return stream
    }

    /// A sign of life; it says how far the stream has come, and not how far the engine has.
    func pushBookmark() {
        let time = Timestamp(milliseconds: SystemClock.wall)
        push { state in
            let bookmark = Bookmark(revision: state.revision, time: time)
            return Item(
                revision: state.revision, kind: Bookmark.kind, document: bookmark.document().bytes)
        }
    }

    /// Never to be called from a push: the engine may be holding on to the subscription there.
    func unsubscribe() {
        if let token = state.withLock({ $0.token.take() }) { engine.cancel(token) }
    }

    private func push(_ item: EventItem) {
        push { state in
            state.revision = item.revision
            return Item(revision: item.revision, kind: item.kind, document: item.document)
        }
    }

    /// Under the lock, so that events and bookmarks come in their order; the stream outlives it,
    /// because its end would ask for the feed.
    private func push(_ item: (inout State) -> Item) {
        let stream = state.withLock { $0.stream }
        withExtendedLifetime(stream) {
            state.withLock { state in
                guard let stream = state.stream else { return }
                send(item(&state), to: stream)
            }
        }
    }

    /// The document goes as it is: every stream shares the one array.
    private func send(_ item: Item, to stream: HTTPStream) {
        switch format {
        case .lines:
            stream.push(item.document)
            stream.push(EventFeed.newline)
        case .serverSent:
            stream.push(Array("id: \(item.revision)\nevent: \(item.kind)\ndata: ".utf8))
            stream.push(item.document)
            stream.push(EventFeed.blankLine)
        }
    }

    private static let newline: [UInt8] = Array("\n".utf8)
    private static let blankLine: [UInt8] = Array("\n\n".utf8)

    /// Bytes: what is kept since then comes all at once, and live events at the client's pace.
    private static func queueLimit(behind revision: UInt64, _ since: UInt64) -> Int {
        let behind = revision > since ? Int(clamping: revision - since) : 0
        return (1 << 20) + min(behind, 100_000) * 512
    }
}
