// What the kernel counts for pods: as JSON, and for Prometheus.

import Documents
import Engine
import HTTP
import Model
import Synchronization

let statisticsRoutes: [Route] = [
    Route("GET", "/v1/stats", getAllStatistics),
    Route("GET", "/v1/pods/{pod}/stats", getPodStatistics),
    Route("GET", "/v1/pods/{pod}/tasks/{task}/stats", getTaskStatistics),
]

/// Also on the read-only listener, if the settings have it.
let podMetricsRoutes: [Route] = [
    Route(
        "GET", "/metrics/pods", produces: ["text/plain"], ignoresAccept: true, getPodMetrics)
]

@Sendable private func getAllStatistics(_ call: Call) throws(Problem) -> HTTPReply {
    let (pods, revision) = call.engine.pods()
    return read(pods, call) { read in
        HTTPResponse(json: PodsStatistics(read, revision: revision).document())
    }
}

@Sendable private func getPodStatistics(_ call: Call) throws(Problem) -> HTTPReply {
    read([try call.pod()], call) { read in
        read.first.map { HTTPResponse(json: $0.document()) }
    }
}

@Sendable private func getTaskStatistics(_ call: Call) throws(Problem) -> HTTPReply {
    let name = try call.task().spec.name
    return read([try call.pod()], call) { read in
        read.first?.ofTasks.first { $0.task.spec.name == name }
            .map { HTTPResponse(json: $0.document()) }
    }
}

@Sendable private func getPodMetrics(_ call: Call) throws(Problem) -> HTTPReply {
    read(call.engine.pods().pods, call) { read in
        HTTPResponse(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: .heap(PodExposition.render(read)))
    }
}

/// Seconds. It only bounds a wait whose end the engine bounds.
private let patience = 10.0

/// Answers with what the kernel counts; with 503 if the kernel does not tell it in time.
private func read(
    _ pods: [Pod], _ call: Call, _ answer: @escaping @Sendable ([PodStatistics]) -> HTTPResponse?
) -> HTTPReply {
    let reading = Reading()
    let engine = call.engine
    let problem = call.problem(
        .statisticsUnavailable, "the kernel has not told within a second what it counts")
    return call.wait(
        seconds: patience,
        subscribe: { waiter in
            engine.statistics(of: pods) { read in
                reading.response.withLock { $0 = read.flatMap(answer) }
                waiter.resume()
            }
        },
        finish: { reading.response.withLock { $0.take() } ?? problem.response() })
}

/// The answer, once it is made.
private final class Reading: Sendable {
    let response = Mutex<HTTPResponse?>(nil)
}
