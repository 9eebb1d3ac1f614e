// The common part of all mutations, before and after the call of the engine.

import Documents
import Engine
import HTTP
import Linux
import Model

extension Call {
    /// Reads the request with `read`, whose faults are reported before any fault of the id. Then
    /// answers a retry from its operation, or otherwise calls `change`. Only `change` may look at
    /// the present state, because the state may have changed since the first request. `patience`:
    /// seconds that a client waits which states no preference.
    func mutate<Input>(
        wanting wish: Wish = .success, patience: Double = 0, _ read: () throws(Problem) -> Input,
        then change: (Input, RequestContext) throws(Problem) -> MutationResult
    ) throws(Problem) -> HTTPReply {
        reply(try accept(read, then: change), wanting: wish, patience: patience)
    }

    /// The same without the reply.
    func accept<Input>(
        _ read: () throws(Problem) -> Input,
        then change: (Input, RequestContext) throws(Problem) -> MutationResult
    ) throws(Problem) -> MutationResult {
        let input = try read()
        var context = try context()
        if let known = try ask({ engine throws(Refusal) in try engine.replay(&context) }) {
            return known
        }
        return try change(input, context)
    }

    /// Refuses a uid that is not the current incarnation. The server's one thread assigns all
    /// names, so no request can intervene before the caller's next step.
    func check(_ uid: UID?, against current: UID) throws(Problem) {
        guard let uid, uid != current else { return }
        throw Problem(
            .uidMismatch, "the name belongs to \(current)", instance: instance, currentUid: current)
    }

    private func context() throws(Problem) -> RequestContext {
        RequestContext(
            requester: requester, operationID: try chosenID(),
            fingerprint: Fingerprint(of: request).value,
            ifMatch: request.list("If-Match"), ifNoneMatch: request.list("If-None-Match"))
    }

    /// The `Operation-Id` header.
    private func chosenID() throws(Problem) -> UID? {
        guard let text = request.list("Operation-Id") else { return nil }
        // Two headers make a list of two, which is no UUID.
        guard let id = UID(trimmed(text)) else {
            throw problem(.malformedRequest, "the header Operation-Id must be a UUID")
        }
        // RFC 9562, sections 5.9 and 5.10: neither identifies anything, and the store uses one of
        // them for "there was nothing".
        guard id != UID(high: 0, low: 0), id != UID(high: .max, low: .max) else {
            throw problem(.malformedRequest, "the header Operation-Id is the nil or max UUID")
        }
        return id
    }

    /// On TCP there is no peer and so no requester, but TCP accepts no mutations.
    private var requester: Requester {
        guard let peer = request.peer else {
            return Requester(pid: 0, uid: 65534, gid: 65534, command: nil)
        }
        return Requester(
            pid: peer.pid, uid: peer.uid, gid: peer.gid,
            command: ProcFS.command(of: peer.pid))
    }
}
