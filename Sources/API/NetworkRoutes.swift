// Networks.

import Documents
import Engine
import HTTP
import Model

let networkRoutes: [Route] = [
    Route("GET", "/v1/networks", query: ["limit", "page"], listNetworks),
    Route("GET", "/v1/networks/{network}", query: ["mode"], getNetwork),
    Route("PUT", "/v1/networks/{network}", putNetwork),
    Route("DELETE", "/v1/networks/{network}", query: ["uid", "allowMissing"], deleteNetwork),
]

/// The networks of files have no uid. They come last, in the order of the files.
@Sendable private func listNetworks(_ call: Call) throws(Problem) -> HTTPReply {
    let paging = try Paging(call.query)
    let (networks, revision) = call.engine.networks()
    let configured = call.engine.configuredNetworks().enumerated().map { index, network in
        NetworkItem(uid: UID(high: .max, low: UInt64(index)), content: .configured(network))
    }
    let items =
        networks.map { NetworkItem(uid: $0.network.uid, content: .bridge($0)) } + configured
    let list = paging.list(items, \.uid, revision: revision) { _ in true }
    return .response(HTTPResponse(json: list))
}

private enum NetworkMode: String { case bridge, cni }

/// Of two networks with one name, the bridge is returned unless the request names the mode.
@Sendable private func getNetwork(_ call: Call) throws(Problem) -> HTTPReply {
    let name = call.segment(2)
    let mode = try call.query.value("mode", "bridge or cni") { NetworkMode(rawValue: $0) }
    if mode != .cni, let network = Label(name).flatMap({ call.engine.network($0) }) {
        return .response(call.response(network))
    }
    if mode != .bridge, let network = call.engine.configuredNetwork(name) {
        return .response(HTTPResponse(json: network.document()))
    }
    throw call.problem(.networkUnknown, "there is no network '\(name)'")
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
