// The audit.

import Documents
import Engine
import HTTP
import Model
import Synchronization

let auditRoutes: [Route] = [
    Route("GET", "/v1/audit", query: ["fresh"], getAudit)
]

/// Seconds. If no new audit was taken by then, the reply contains the last audit and says so.
private let patience = 30.0

@Sendable private func getAudit(_ call: Call) throws(Problem) -> HTTPReply {
    guard try call.query.flag("fresh") else {
        return .response(response(call.engine, isFresh: false))
    }
    let look = Look()
    let engine = call.engine
    return call.wait(
        seconds: patience,
        subscribe: { waiter in
            engine.freshAudit {
                look.isTaken.store(true, ordering: .releasing)
                waiter.resume()
            }
        },
        finish: { response(engine, isFresh: look.isTaken.load(ordering: .acquiring)) })
}

/// Whether the requested audit has been taken.
private final class Look: Sendable {
    let isTaken = Atomic(false)
}

private func response(_ engine: Engine, isFresh: Bool) -> HTTPResponse {
    HTTPResponse(json: engine.audit(isFresh: isFresh).document())
}
