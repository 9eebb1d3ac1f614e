// Events for those who follow: in order, with no gap and no repeat.
//
// A reader reads the store from its own position, a bounded part at a time, whether the events are
// old or new. A commit only wakes the reader, so a reader that does not read costs nothing and
// delays no other reader.

package import Documents
import Model
import Store
import Synchronization

package struct EventItem: Sendable {
    package let revision: UInt64
    /// A JSON object, without a newline.
    package let document: [UInt8]

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

/// Who is to be woken by new events.
struct EventReaders {
    private var wakers: [EngineToken: @Sendable () -> Void] = [:]
    /// Whether they are about to be woken: the commits of one turn of the loop share it.
    private var isWaking = false

    mutating func add(_ token: EngineToken, _ wake: @escaping @Sendable () -> Void) {
        wakers[token] = wake
    }

    mutating func cancel(_ token: EngineToken) { wakers[token] = nil }

    /// Whether the caller has to see to it that they are woken.
    mutating func noteEvents() -> Bool {
        if wakers.isEmpty || isWaking { return false }
        isWaking = true
        return true
    }

    mutating func take() -> [@Sendable () -> Void] {
        isWaking = false
        return Array(wakers.values)
    }
}

extension Registry {
    @Loop func wakeReaders() {
        let wakers = state.withLock { $0.readers.take() }
        for wake in wakers { wake() }
    }
}

extension Engine {
    /// At most `limit` events after `revision`, of some 400 bytes at most each. Throws if not all
    /// that came after it are kept: pruned, or of an earlier boot.
    package func events(after revision: UInt64, limit: Int) throws(Problem) -> [EventItem] {
        let found: [EventRecord]?
        do throws(StoreFailure) {
            found = try registry.state.withLock { state throws(StoreFailure) in
                // A reader that has come to the end asks again after each batch.
                if revision == state.lastEvent { return [] }
                // A revision that is still to come is one of an earlier boot.
                if try state.store.eventFloor() > revision || revision > state.revision {
                    return nil
                }
                return try state.store.events(after: revision, limit: limit)
            }
        } catch { throw fault("the store: \(error)", instance: "/v1/events") }
        guard let found else {
            throw Problem(
                .eventsExpired, "events after \(revision) are no longer all kept",
                instance: "/v1/events")
        }
        return found.map { EventItem(revision: $0.revision, document: $0.document) }
    }

    /// Calls `wake` after commits with events, until it is taken back by `cancel`.
    package func followEvents(_ wake: @escaping @Sendable () -> Void) -> EngineToken {
        registry.state.withLock { state in
            let token = state.makeToken()
            state.readers.add(token, wake)
            return token
        }
    }
}
