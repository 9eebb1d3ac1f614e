// Networks.

import Documents
import Engine
import HTTP
import Model

let networkRoutes: [Route] = [
    Route("GET", "/v1/networks", query: ["limit", "page"], listNetworks),
    Route("GET", "/v1/networks/{network}", getNetwork),
    Route("PUT", "/v1/networks/{network}", putNetwork),
    Route("DELETE", "/v1/networks/{network}", query: ["uid", "allowMissing"], deleteNetwork),
]

@Sendable private func listNetworks(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let (networks, revision) = call.engine.networks()
    let list = paging.list(networks, \.network.uid, revision: revision) { _ in true }
    return .response(HTTPResponse(json: list))
}

@Sendable private func getNetwork(_ call: Call) throws(Problem) -> HTTPReply {
    let name = try call.networkName()
    guard let network = call.engine.network(name) else {
        throw call.problem(.networkUnknown, "there is no network '\(name)'")
    }
    return .response(call.response(network))
}

@Sendable private func putNetwork(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        let name = try call.newName(at: 2)
        let body = try call.requiredJSON()
        return (
            name, try call.decode { () throws(DocumentFaults) in try NetworkSpec.decode(body) }
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in try engine.createNetwork(read.0, read.1, context) }
    }
}

@Sendable private func deleteNetwork(_ call: Call) throws(Problem) -> HTTPReply {
    try call.mutate { () throws(Problem) in
        (
            name: try call.networkName(), uid: try call.query.uid(),
            allowMissing: try call.query.flag("allowMissing")
        )
    } then: { read, context throws(Problem) in
        try call.ask { engine throws(Refusal) in
            try engine.deleteNetwork(
                read.name, uid: read.uid, allowMissing: read.allowMissing, context)
        }
    }
}
