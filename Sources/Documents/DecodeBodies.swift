//  The small bodies of POST requests.

package import JSON
package import Model

/// `POST …/stop`.
package struct StopBody: Equatable, Sendable {
    /// Milliseconds between the stop signal and SIGKILL; `nil` means each task's own value.
    package let grace: Int64?
    /// Whether the pod keeps nothing but its record and its logs.
    package let release: Bool

    package init(grace: Int64?, release: Bool = false) {
        self.grace = grace
        self.release = release
    }

    /// Reads a body; `nil` is an empty body. Only a pod can be released.
    package static func decode(
        _ value: JSONValue?, ofPod: Bool = false
    ) throws(DocumentFaults) -> StopBody {
        try decodeDocument(value ?? .object([])) { object in
            StopBody(
                grace: object.take("grace")?.thousandths(in: DocumentLimits.grace),
                release: ofPod ? object.take("release")?.bool() ?? false : false)
        }
    }
}

/// `POST …/signal`.
package struct SignalBody: Equatable, Sendable {
    package let signal: Signal

    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> SignalBody {
        try decodeDocument(value) { object in
            object.require("signal").flatMap(Codec.signal.read).map(SignalBody.init(signal:))
        }
    }
}

/// `POST …/abandon`.
package struct AbandonBody: Equatable, Sendable {
    package let reason: String

    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> AbandonBody {
        try decodeDocument(value) { object in
            guard let field = object.require("reason"), let reason = field.string() else {
                return nil
            }
            if !(1...DocumentLimits.reasonBytes).contains(reason.utf8.count) {
                field.refuse("must be 1 to \(DocumentLimits.reasonBytes) bytes")
            }
            return AbandonBody(reason: reason)
        }
    }
}

/// `POST …/start` and `…/cancel`: a body without members.
package enum EmptyBody {
    /// Refuses any member; `nil` is an empty body.
    package static func decode(_ value: JSONValue?) throws(DocumentFaults) {
        try decodeDocument(value ?? .object([])) { _ in () }
    }
}
