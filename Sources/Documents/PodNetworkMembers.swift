//  The members of a pod's network. Those of a mode are refused in the other modes.

import Bytes
import JSON
import Kernel
import Model

/// The network of a pod, by its name in documents.
enum NetworkMode: String, CaseIterable {
    case none, host, bridge

    /// Every default of the mode.
    var network: PodNetwork {
        switch self {
        case .none: .none
        case .host: .host
        case .bridge: .bridge(BridgeSpec())
        }
    }
}

extension PodNetwork {
    var mode: NetworkMode {
        switch self {
        case .none: .none
        case .host: .host
        case .bridge: .bridge
        }
    }
}

extension PodSpec {
    /// The mode comes first, because the others depend on it.
    static let networkMembers: [Member<PodSpec>] = [
        mode,
        .bridge("name", \.name, { $0.name = $1 }, .networkName),
        .bridge("address", \.address, { $0.address = $1 }, .address(.v4)),
        .bridge("address6", \.address6, { $0.address6 = $1 }, .address(.v6)),
        .bridge("ports", \.ports, { $0.ports = $1 }, .ports),
    ]
}

extension PodSpec {
    private static let mode: Member<PodSpec> = {
        let known = Member<PodSpec>.optional(
            "mode", \.network.mode, { $0.network = $1.network }, .networkMode)
        return Member(
            name: known.name,
            read: { field, spec in
                guard field.value.string == "cni" else { return known.read(field, &spec) }
                field.refuseUnsupported("'cni' is not supported by this version")
                // The document is refused; no member is refused for the mode as well.
                spec.network = .bridge(BridgeSpec())
                return false
            }, write: known.write, restore: known.restore)
    }()
}

extension Member<PodSpec> {
    /// A member of the mode `bridge`. `null` is the same as no member.
    fileprivate static func bridge<Value>(
        _ name: StaticString, _ get: @escaping @Sendable (BridgeSpec) -> Value?,
        _ set: @escaping @Sendable (inout BridgeSpec, Value) -> Void, _ codec: Codec<Value>
    ) -> Member {
        Member(
            name: "\(name)", isOfOneKind: true,
            read: { field, spec in
                if field.value == .null { return true }
                guard var bridge = spec.network.bridge else {
                    field.refuse("is only for the mode 'bridge'")
                    return false
                }
                guard let value = codec.read(field) else { return false }
                set(&bridge, value)
                spec.network.bridge = bridge
                return true
            },
            write: { spec, writer in
                guard let value = spec.network.bridge.flatMap(get) else { return }
                writer.key(name)
                codec.write(value, &writer)
            },
            restore: { record, spec throws(RecordFault) in
                guard var bridge = spec.network.bridge else { return }
                set(&bridge, try codec.restore(record))
                spec.network.bridge = bridge
            })
    }
}

extension Codec<NetworkMode> {
    fileprivate static var networkMode: Codec {
        .parsed("'none', 'host' or 'bridge'", { NetworkMode(rawValue: $0) }, text: \.rawValue)
    }
}

extension Codec<Label> {
    fileprivate static var networkName: Codec {
        .parsed("a network's name: \(Label.rule)", { Label($0) }, text: \.text)
    }
}

extension Codec<IPAddress> {
    static func address(_ family: IPAddress.Family? = nil) -> Codec {
        let kind =
            switch family {
            case .v4: "an IPv4 address"
            case .v6: "an IPv6 address"
            case nil: "an IP address"
            }
        return .parsed(
            kind,
            { text in
                let address = IPAddress(text)
                return family == nil || address?.family == family ? address : nil
            }, text: \.description)
    }
}

extension Codec<[PortSpec]> {
    fileprivate static var ports: Codec {
        .objects(PortSpec.members, .blank) { $0.ports() }
    }
}

extension PortSpec {
    fileprivate static let blank = PortSpec(hostPort: 0, containerPort: 0)
}

extension PortSpec {
    static let members = SpecTable<PortSpec>([
        .required("hostPort", \.hostPort, { $0.hostPort = $1 }, .port),
        .required("containerPort", \.containerPort, { $0.containerPort = $1 }, .port),
        .optional("protocol", \.transport, { $0.transport = $1 }, .transport),
        .limit("hostIP", \.hostIP, { $0.hostIP = $1 }, .address()),
    ])
}

extension Codec<UInt16> {
    fileprivate static var port: Codec {
        Codec(
            read: { $0.integer(in: 1...65_535).map { UInt16($0) } },
            write: { $1.value(Int64($0)) },
            restore: { record throws(RecordFault) in try record.integer(as: UInt16.self) })
    }
}

extension Codec<Transport> {
    fileprivate static var transport: Codec {
        .parsed("'tcp', 'udp' or 'sctp'", { Transport(rawValue: $0) }, text: \.rawValue)
    }
}

extension Field {
    /// No two of the ports collide.
    fileprivate func ports() -> [PortSpec]? {
        guard let elements = elements(limit: DocumentLimits.ports) else { return nil }
        var ports: [PortSpec] = []
        // Ports of one number are few, so a port is compared with those of its number only.
        var byNumber: [UInt16: [PortSpec]] = [:]
        for element in elements {
            var port = PortSpec.blank
            guard element.readObject(PortSpec.members, into: &port) else { continue }
            if byNumber[port.hostPort, default: []].contains(where: port.collides) {
                let place = element.pointer.appending("hostPort")
                log.add(place, "\(port.hostPort)/\(port.transport) is another port's, too")
            }
            byNumber[port.hostPort, default: []].append(port)
            ports.append(port)
        }
        return ports
    }
}

extension DocumentLimits {
    /// Host ports of a pod.
    static let ports = 1024
}
