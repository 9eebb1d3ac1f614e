//  One connection and the request on it. Everything here runs on MHD's thread.
//
//      idle ──> targeted ──> receiving ──> answered ──> idle      any state ──> idle  [ended]
//                               │  ^ └────> streaming
//                               ├> waiting ──> answered
//                               └> upgrading ──> answered
//      targeted:  * the request line is here        receiving: * the headers are here
//      answered:  * a response was queued           waiting:   * the connection is suspended
//      streaming: * the stream has this connection for its seat
//      upgrading: * the status 101 was queued

import CHTTP
import Failpoints
import Glibc
import Synchronization

final class Connection {
    private enum Phase {
        case idle
        case targeted(Target, size: Int)
        case receiving(HTTPRequest, isDecoded: Bool)
        case waiting(HTTPWait, HTTPWaiter, Parking)
        case streaming(HTTPStream)
        case upgrading(HTTPUpgrade)
        case answered
    }

    private let core: ServerCore
    private let handle: ConnectionHandle
    private let descriptor: CInt
    private let peer: HTTPPeer?
    private var phase = Phase.idle
    /// The bytes of the request's body that have arrived.
    private var body: [UInt8] = []
    /// How many bytes of `body` are counted in the core's `bodyBytes`.
    private var counted = 0

    // The connection's position in the evictor's lines. Only the evictor changes it.
    var line: ConnectionEvictor.Line?
    var before: Connection?
    var behind: Connection?
    private(set) var isEvicted = false

    init(core: ServerCore, handle: ConnectionHandle, descriptor: CInt) {
        self.core = core
        self.handle = handle
        self.descriptor = descriptor
        self.peer = HTTPPeer(of: descriptor)
        core.connections.add(1, ordering: .relaxed)
        core.evictor.move(self, to: .silent)
        core.evictor.makeRoom()
    }

    /// Called when MHD has finished with the connection, before MHD closes its descriptor.
    func closed() { core.evictor.move(self, to: nil) }

    /// Hangs up; to libmicrohttpd it looks as if the client had hung up.
    func evict() {
        isEvicted = true
        chttp_hang_up(descriptor)
    }

    deinit { core.connections.subtract(1, ordering: .relaxed) }

    /// Called when the request line has arrived.
    func began(target: UnsafePointer<CChar>) {
        core.requestBegan()
        let length = unsafe strlen(target)
        phase = unsafe target.withMemoryRebound(to: UInt8.self, capacity: length) { bytes in
            unsafe .targeted(
                Target(parsing: UnsafeBufferPointer(start: bytes, count: length)), size: length)
        }
    }

    /// Called for each step of the request. If it returns `false`, MHD cuts the connection.
    /// `targetSize` is the number of bytes of the target as it was sent, or 0 if that is unknown.
    func access(
        method: UnsafePointer<CChar>, isOld: Bool, targetSize: Int, piece: UnsafeRawBufferPointer
    ) -> Bool {
        switch phase {
        case .targeted(let target, let size):
            let isCut = targetSize > size
            return unsafe headersArrived(
                String(cString: method), isOld: isOld, target, isCut: isCut)
        case .receiving(let request, let isDecoded):
            guard unsafe piece.isEmpty else { return unsafe receive(piece, request) }
            core.evictor.move(self, to: .answering)
            phase = .answered
            return isDecoded ? serve(request) : refuseTarget(of: request)
        case .waiting(let wait, let waiter, let parking):
            return waitEnded(wait, waiter, parking)
        case .idle, .streaming, .upgrading, .answered:
            // MHD asks again if a response could not be queued: only cutting is left.
            return false
        }
    }

    /// Called when the request is over: it was answered, it failed, or it was cut off.
    func ended() {
        failpoint("reply.sent")
        switch phase {
        case .waiting(_, let waiter, _):
            waiter.ended()
        case .streaming(let stream):
            core.unseat(stream)
            stream.detach()
        case .upgrading(let upgrade): upgrade.fail()
        case .idle, .targeted, .receiving, .answered: break
        }
        phase = .idle
        core.evictor.move(self, to: .silent)
        dropBody()
        core.requestEnded()
    }

    private func headersArrived(
        _ method: String, isOld: Bool, _ target: Target, isCut: Bool
    ) -> Bool {
        core.evictor.move(self, to: .receiving)
        let request = HTTPRequest(
            method: method, path: target.path, segments: target.segments,
            query: target.query ?? [], headers: headers(of: handle), peer: peer)
        // What follows the NUL byte, such as a `uid`, would be passed over.
        if isCut { return refuseLast(.malformedHead("the target has a NUL byte"), request) }
        if let fault = RequestHead.fault(of: request.headers, isOld: isOld) {
            return refuseLast(fault, request)
        }
        if let length = request.header("Content-Length").flatMap({ Int($0) }),
            length > core.settings.bodyLimit
        {
            return refuseLast(.bodyTooLarge(limit: core.settings.bodyLimit), request)
        }
        let isDecoded = target.segments != nil && target.query != nil
        phase = .receiving(request, isDecoded: isDecoded)
        return true
    }

    private func receive(_ piece: UnsafeRawBufferPointer, _ request: HTTPRequest) -> Bool {
        let limit = core.settings.bodyLimit
        guard body.count + piece.count <= limit else {
            phase = .answered
            // MHD accepts no response while a body arrives; see `sendDirectly`.
            let refusal = HTTPRefusal.bodyTooLarge(limit: limit)
            sendDirectly(core.handler.refuse(refusal, of: request), on: descriptor)
            return false
        }
        core.evictor.move(self, to: .receiving)
        // Beyond this limit the connection is cut, so that many large bodies are bounded too.
        let held = core.bodyBytes.add(piece.count, ordering: .relaxed).newValue
        counted += piece.count
        guard held <= core.settings.allBodiesLimit else { return false }
        unsafe body.append(contentsOf: piece)
        return true
    }

    private func dropBody() {
        body = []
        core.bodyBytes.subtract(counted, ordering: .relaxed)
        counted = 0
    }

    private func refuseTarget(of request: HTTPRequest) -> Bool {
        let refusal: HTTPRefusal = request.segments == nil ? .malformedPath : .malformedQuery
        return refuse(refusal, request)
    }

    private func refuse(_ refusal: HTTPRefusal, _ request: HTTPRequest) -> Bool {
        send(core.handler.refuse(refusal, of: request), on: handle)
    }

    /// Refuses without reading the rest of the body, so the connection ends after the answer.
    private func refuseLast(_ refusal: HTTPRefusal, _ request: HTTPRequest) -> Bool {
        phase = .answered
        return send(core.handler.refuse(refusal, of: request), on: handle, isLast: true)
    }

    private func serve(_ request: HTTPRequest) -> Bool {
        var whole = request
        whole.body = body
        dropBody()
        return switch core.handler.handle(whole) {
        case .response(let response): send(response, on: handle)
        case .wait(let wait): begin(wait)
        case .stream(let stream): begin(stream, request)
        case .upgrade(let upgrade): begin(upgrade)
        }
    }

    private func begin(_ upgrade: HTTPUpgrade) -> Bool {
        phase = .upgrading(upgrade)
        return send(upgrade, on: handle)
    }

    /// Called when the status 101 was sent.
    func upgraded(_ descriptor: CInt, early: [UInt8]) {
        guard case .upgrading(let upgrade) = phase else { return }
        phase = .answered
        upgrade.take(descriptor, early: early)
    }

    private func begin(_ wait: HTTPWait) -> Bool {
        guard wait.seconds > 0 else { return end(wait) }
        let nanoseconds = UInt64(min(wait.seconds, 1e9) * 1e9)
        switch core.suspended.park(handle, descriptor, until: monotonicNow() + nanoseconds) {
        case .parked(let parking):
            let waiter = HTTPWaiter(suspended: core.suspended, parking: parking)
            phase = .waiting(wait, waiter, parking)
            core.evictor.move(self, to: nil)
            wait.subscribe(waiter)
            return true
        // The request may already be accepted, so its present state is reported, never a refusal.
        case .full, .stopping: return end(wait)
        }
    }

    private func waitEnded(_ wait: HTTPWait, _ waiter: HTTPWaiter, _ parking: Parking) -> Bool {
        guard let end = parking.end else { return true }
        core.evictor.move(self, to: .answering)
        phase = .answered
        waiter.ended()
        if end == .gone { return false }
        return self.end(wait)
    }

    private func end(_ wait: HTTPWait) -> Bool {
        switch wait.finish() {
        case .response(let response): send(response, on: handle)
        case .upgrade(let upgrade): begin(upgrade)
        }
    }

    private func begin(_ stream: HTTPStream, _ request: HTTPRequest) -> Bool {
        switch core.seat(stream) {
        case .full: return refuse(.tooManyStreams(limit: core.settings.streamLimit), request)
        case .stopping: stream.stop()
        case .seated: break
        }
        stream.attach(
            HTTPStream.Seat(suspended: core.suspended, handle: handle, descriptor: descriptor))
        phase = .streaming(stream)
        core.evictor.move(self, to: nil)
        return send(stream, on: handle)
    }
}
