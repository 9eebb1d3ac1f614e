// Reads the document of an ADD's result.

import JSON
import Kernel

extension AddResult {
    /// Reads a result of CNI 0.3.0 to 1.1.0. A result without a version has the version `asked`, as
    /// in libcni; IPAM plugins and some others leave it out.
    package static func parse(
        _ bytes: [UInt8], asked: CNIVersion
    ) throws(PluginFailure) -> AddResult {
        let reader = try ResultReader(ResultReader.source(bytes))
        let version = try reader.version(asked: asked)
        var (interfaces, addresses, routes): ([ResultInterface], [ResultAddress], [ResultRoute])
        (interfaces, addresses, routes) = ([], [], [])
        for object in try reader.objects("interfaces") {
            interfaces.append(try object.interface())
        }
        for object in try reader.objects("ips") {
            addresses.append(try object.resultAddress(among: interfaces.count))
        }
        for object in try reader.objects("routes") { routes.append(try object.route()) }
        return AddResult(
            version: version, document: reader.value, interfaces: interfaces,
            addresses: addresses, routes: routes,
            dns: try reader.object("dns")?.dns() ?? ResultDNS())
    }
}

extension ResultReader {
    fileprivate func version(asked: CNIVersion) throws(PluginFailure) -> CNIVersion {
        guard let text = try text("cniVersion") else { return asked }
        guard let version = CNIVersion(text), version.isKnown else {
            throw .otherVersion(answered: excerpt(text), asked: asked)
        }
        return version
    }

    fileprivate func interface() throws(PluginFailure) -> ResultInterface {
        ResultInterface(
            name: try text("name") ?? "", mac: try text("mac"), mtu: try amount("mtu"),
            sandbox: try text("sandbox"))
    }

    fileprivate func resultAddress(among count: Int) throws(PluginFailure) -> ResultAddress {
        let index = try amount("interface")
        if let index, index >= count {
            throw .malformed(
                pointer: pointer.appending("interface"),
                detail: "the result has \(count) interfaces, and this is the index \(index)")
        }
        return ResultAddress(
            prefix: try prefix("address"), gateway: try address("gateway"),
            interface: index.map(Int.init))
    }

    fileprivate func route() throws(PluginFailure) -> ResultRoute {
        ResultRoute(
            destination: try prefix("dst"), gateway: try address("gw"), mtu: try amount("mtu"),
            advertisedMSS: try amount("advmss"), priority: try amount("priority"),
            table: try amount("table"), scope: try amount("scope"))
    }

    fileprivate func dns() throws(PluginFailure) -> ResultDNS {
        var dns = ResultDNS()
        dns.nameservers = try strings("nameservers")
        dns.domain = try text("domain")
        dns.searches = try strings("search")
        dns.options = try strings("options")
        return dns
    }
}
