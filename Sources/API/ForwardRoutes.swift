// Connections to ports of a pod: the client's connection becomes that to the port.

import Documents
import Engine
import HTTP
import Host
import Linux
import Model
import Synchronization

let forwardRoutes: [Route] = [
    Route("POST", "/v1/pods/{pod}/forward", query: ["port", "uid"], produces: [], forward)
]

/// Seconds for a connection to be made. The helper gives up before that.
private let patience = 20.0

@Sendable private func forward(_ call: Call) throws(Problem) -> HTTPReply {
    guard call.request.upgrades.contains("tcp") else {
        throw call.problem(
            .malformedRequest, "the headers must be Connection: Upgrade and Upgrade: tcp")
    }
    let pod = try call.pod()
    try call.check(try call.query.uid(), against: pod.uid)
    let rule = "a port from 1 to 65535"
    let port = try call.query.value("port", rule) { text in
        UInt16(text).flatMap { $0 > 0 ? $0 : nil }
    }
    guard let port else { throw call.problem(.malformedRequest, "the query has no port") }
    let waiter = Waiter()
    let request = try call.ask { engine throws(Refusal) in
        try engine.forward(pod.name, port: port) { waiter.resume() }
    }
    let meter = call.meter
    return .wait(
        HTTPWait(
            seconds: patience,
            subscribe: { resumed in
                waiter.set(resumed)
                if request.outcome != nil { resumed.resume() }
            },
            outcome: {
                switch request.outcome {
                case .connected:
                    meter.count(101)
                    return .upgrade(upgrade(to: request))
                case .refused(let why): return refused(why, call)
                case nil: return refused("no answer in time", call)
                }
            }))
}

private func upgrade(to request: PortRequest) -> HTTPUpgrade {
    HTTPUpgrade(
        to: "tcp",
        begin: { socket, early in request.give(socket.number, early: early) },
        failed: { request.close() })
}

private func refused(_ why: String, _ call: Call) -> HTTPOutcome {
    let response = call.problem(.portRefused, why).response()
    call.meter.count(response.status)
    return .response(response)
}

/// The suspended request, when it is suspended.
private final class Waiter: Sendable {
    private let waiter = Mutex<HTTPWaiter?>(nil)

    func set(_ waiter: HTTPWaiter) { self.waiter.withLock { $0 = waiter } }
    func resume() { waiter.withLock { $0 }?.resume() }
}
