// The events for clients that follow them: in order, with no gap and no repeat.
//
// A reader reads from its own position, a bounded part at a time. If the reader is near the end,
// the events come from memory, where all readers share them; otherwise from the store. A commit
// only wakes the reader, so a reader that does not read costs nothing and delays no other reader.

import EventLoop
import Model
import Store
import Synchronization

package struct EventItem: Sendable {
    package let revision: UInt64
    /// A JSON object, without a newline.
    package let document: [UInt8]

    init(_ record: EventRecord) { (revision, document) = (record.revision, record.document) }

    /// The value of the document's `kind`, which the encoder writes third: found without a parser.
    package var kind: String {
        let mark = Array("\"kind\":\"".utf8)
        let text = document[...]
        guard let start = text.indices.first(where: { text[$0...].starts(with: mark) }) else {
            return "event"
        }
        let rest = text[(start + mark.count)...]
        return String(decoding: rest.prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }
}

/// The callbacks that wake the readers of events, and the newest events.
struct EventReaders {
    private var wakers: [EngineToken: @Sendable () -> Void] = [:]
    /// Whether the readers are about to be woken. The commits of one turn of the loop share one
    /// wakeup.
    private var isWaking = false
    /// `nil` if there are no readers.
    private(set) var tail: EventTail?

    /// Adds a reader. It will read all events later than `revision`.
    mutating func add(
        _ token: EngineToken, after revision: UInt64, _ wake: @escaping @Sendable () -> Void
    ) {
        wakers[token] = wake
        if tail == nil { tail = EventTail(after: revision) }
    }

    mutating func cancel(_ token: EngineToken) {
        wakers[token] = nil
        if wakers.isEmpty { tail = nil }
    }

    /// Adds new events. Returns whether the caller has to wake the readers.
    mutating func note(_ events: [EventRecord]) -> Bool {
        tail?.add(events)
        if wakers.isEmpty || isWaking { return false }
        isWaking = true
        return true
    }

    mutating func take() -> [@Sendable () -> Void] {
        isWaking = false
        return Array(wakers.values)
    }
}

/// The newest events. A commit adds its events after the store has accepted them, so that every
/// event here is also in the store.
struct EventTail {
    /// The limit, in bytes of documents.
    static let limit = 65536

    /// All events later than this revision are in the tail.
    private(set) var floor: UInt64
    private var events: [EventRecord] = []
    private var bytes = 0

    init(after revision: UInt64) { floor = revision }

    mutating func add(_ new: [EventRecord]) {
        events += new
        for event in new { bytes += event.document.count }
        guard bytes > EventTail.limit else { return }
        // The older half is dropped at once, so that a commit seldom moves the others.
        var old = 0
        while bytes > EventTail.limit / 2 {
            floor = events[old].revision
            bytes -= events[old].document.count
            old += 1
        }
        events.removeFirst(old)
    }

    /// Returns at most `limit` events after `revision`; `nil` if not all of them are in the tail.
    func events(after revision: UInt64, limit: Int) -> ArraySlice<EventRecord>? {
        guard revision >= floor else { return nil }
        // The search begins at the end, because the readers are near it.
        var start = events.endIndex
        while start > 0, events[start - 1].revision > revision { start -= 1 }
        return events[start...].prefix(limit)
    }
}

extension Registry {
    @Loop func wakeReaders() {
        let wakers = state.withLock { $0.readers.take() }
        for wake in wakers { wake() }
    }
}

extension Engine {
    /// Returns at most `limit` events after `revision`, each of at most some 400 bytes. Throws if
    /// some of the later events were pruned, or are of an earlier boot.
    package func events(after revision: UInt64, limit: Int) throws(Refusal) -> [EventItem] {
        let found: [EventItem]?
        do throws(StoreFailure) {
            found = try registry.state.withLock { state throws(StoreFailure) in
                // A reader that has reached the end asks again after each batch.
                if revision == state.lastEvent { return [] }
                // A revision in the future is from an earlier boot.
                if revision > state.revision { return nil }
                if let newest = state.readers.tail?.events(after: revision, limit: limit) {
                    return newest.map(EventItem.init)
                }
                if try state.store.eventFloor() > revision { return nil }
                return try state.store.events(after: revision, limit: limit).map(EventItem.init)
            }
        } catch { throw .fault(cause: "the store: \(error)") }
        guard let found else { throw .eventsExpired(after: revision) }
        return found
    }

    /// Calls `wake` after commits with events, until `cancel` takes the token.
    package func followEvents(_ wake: @escaping @Sendable () -> Void) -> EngineToken {
        registry.state.withLock { state in
            let token = state.makeToken()
            state.readers.add(token, after: state.revision, wake)
            return token
        }
    }
}
