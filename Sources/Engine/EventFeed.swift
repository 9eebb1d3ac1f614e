// Events for those who follow: in order, with no gap and no repeat.
//
// What is committed is queued under the registry's lock, and delivered on the engine's thread: one
// thread, one order. A backlog goes through the same queue, so it cannot be overtaken.

import Model
import Store
import Synchronization

package struct EventItem: Sendable {
    package let revision: UInt64
    package let kind: String
    /// A JSON object, without a newline.
    package let document: [UInt8]
}

struct EventFeed {
    struct Subscriber {
        /// Events up to here are its backlog, or older.
        let after: UInt64
        let push: @Sendable (EventItem) -> Void
    }

    private(set) var subscribers: [EngineToken: Subscriber] = [:]
    private var queue: [(event: EventItem, only: EngineToken?)] = []

    var hasSubscribers: Bool { !subscribers.isEmpty }

    mutating func add(_ events: [EventItem]) { queue += events.map { ($0, nil) } }

    mutating func subscribe(
        _ token: EngineToken, after revision: UInt64, backlog: [EventItem],
        _ push: @escaping @Sendable (EventItem) -> Void
    ) {
        subscribers[token] = Subscriber(after: revision, push: push)
        queue += backlog.map { ($0, token) }
    }

    mutating func cancel(_ token: EngineToken) { subscribers[token] = nil }

    /// What is to be delivered, each with its receivers.
    mutating func take() -> [(event: EventItem, to: [Subscriber])] {
        let taken = queue.map { entry -> (event: EventItem, to: [Subscriber]) in
            if let only = entry.only { return (entry.event, subscribers[only].map { [$0] } ?? []) }
            return (entry.event, subscribers.values.filter { $0.after < entry.event.revision })
        }
        queue = []
        return taken
    }
}

extension Registry {
    /// All that may be kept: pruning lags behind by some.
    private var backlogLimit: Int { limits.eventsKept * 2 }

    /// Events after `revision`, or from now on; `nil` where some of them are no longer kept.
    func subscribe(
        after revision: UInt64?, _ push: @escaping @Sendable (EventItem) -> Void
    ) throws(StoreFailure) -> EngineToken? {
        let token: EngineToken? = try state.withLock { state throws(StoreFailure) in
            var backlog: [EventItem] = []
            if let revision {
                // A revision that is still to come is one of an earlier boot.
                if try state.store.eventFloor() > revision || revision > state.revision {
                    return nil
                }
                backlog = try state.store.events(after: revision, limit: backlogLimit)
                    .map { EventItem(revision: $0.revision, kind: $0.kind, document: $0.document) }
            }
            let token = state.makeToken()
            state.feed.subscribe(token, after: state.revision, backlog: backlog, push)
            return token
        }
        if token != nil { onLoop { self.deliverEvents() } }
        return token
    }

    @Loop func deliverEvents() {
        let deliveries = state.withLock { $0.feed.take() }
        for delivery in deliveries { for receiver in delivery.to { receiver.push(delivery.event) } }
    }
}

extension EventRecord {
    /// The value of the document's `kind`, which the encoder writes third: found without a parser.
    fileprivate var kind: String {
        let mark = Array("\"kind\":\"".utf8)
        let text = document[...]
        guard let start = text.indices.first(where: { text[$0...].starts(with: mark) }) else {
            return "event"
        }
        let rest = text[(start + mark.count)...]
        return String(decoding: rest.prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }
}
