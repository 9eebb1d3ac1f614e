//  The members of a pod's network. Those of a mode are refused in the other modes.

import Bytes
import JSON
import Kernel
import Model

/// The network of a pod, by its name in documents.
enum NetworkMode: String, CaseIterable {
    case none, host, bridge, cni

    /// Every default of the mode.
    var network: PodNetwork {
        switch self {
        case .none: .none
        case .host: .host
        case .bridge: .bridge(BridgeSpec())
        case .cni: .cni(CNISpec())
        }
    }
}

extension PodNetwork {
    var mode: NetworkMode {
        switch self {
        case .none: .none
        case .host: .host
        case .bridge: .bridge
        case .cni: .cni
        }
    }
}

extension PodSpec {
    /// The mode comes first, because the others depend on it.
    static let networkMembers: [Member<PodSpec>] = [
        .optional("mode", \.network.mode, { $0.network = $1.network }, .networkMode), name,
        .bridge("address", \.address, { $0.address = $1 }, .address(.v4)),
        .bridge("address6", \.address6, { $0.address6 = $1 }, .address(.v6)),
        attachments,
        .ofModes([.bridge, .cni], "ports", \.ports, { $0.ports = $1 }, .ports),
    ]

    /// The name of the one network of the pod.
    private static let name: Member<PodSpec> = {
        let ofBridge = Member<PodSpec>.ofModes(
            [.bridge, .cni], "name", \.bridge?.name, { $0.bridge?.name = $1 }, .networkName)
        let ofPlugins = Member<PodSpec>.ofModes(
            [.cni], "name", { _ in nil }, { $0.cni?.attachments[0].network = $1 }, .pluginNetwork)
        return Member(
            name: ofBridge.name, isOfOneKind: true,
            read: { ($1.network.cni == nil ? ofBridge : ofPlugins).read($0, &$1) },
            write: ofBridge.write, restore: ofBridge.restore)
    }()

    /// The networks of the pod. A `name` is read as one attachment, and is never written.
    private static let attachments: Member<PodSpec> = {
        let list = Member<PodSpec>.ofModes(
            [.cni], "attachments", \.cni?.attachments, { $0.cni?.attachments = $1 }, .attachments)
        return Member(
            name: list.name, isOfOneKind: true,
            read: { field, spec in
                if field.value != .null, spec.network.cni?.attachments.first?.network != nil {
                    field.refuse("cannot be given together with 'name'")
                    return false
                }
                return list.read(field, &spec)
            }, write: list.write, restore: list.restore)
    }()
}

extension Member<PodSpec> {
    /// A member of the mode `bridge`.
    fileprivate static func bridge<Value>(
        _ name: StaticString, _ get: @escaping @Sendable (BridgeSpec) -> Value?,
        _ set: @escaping @Sendable (inout BridgeSpec, Value) -> Void, _ codec: Codec<Value>
    ) -> Member {
        .ofModes(
            [.bridge], name, { $0.bridge.flatMap(get) },
            { network, value in
                guard var bridge = network.bridge else { return }
                set(&bridge, value)
                network.bridge = bridge
            }, codec)
    }

    /// A member of some modes. `null` is the same as no member.
    fileprivate static func ofModes<Value>(
        _ modes: [NetworkMode], _ name: StaticString,
        _ get: @escaping @Sendable (PodNetwork) -> Value?,
        _ set: @escaping @Sendable (inout PodNetwork, Value) -> Void, _ codec: Codec<Value>
    ) -> Member {
        let names = modes.map { "'\($0)'" }.joined(separator: " and ")
        let rule = "is only for the mode\(modes.count == 1 ? "" : "s") \(names)"
        return Member(
            name: "\(name)", isOfOneKind: true,
            read: { field, spec in
                if field.value == .null { return true }
                guard modes.contains(spec.network.mode) else {
                    field.refuse(rule)
                    return false
                }
                guard let value = codec.read(field) else { return false }
                set(&spec.network, value)
                return true
            },
            write: { spec, writer in
                guard modes.contains(spec.network.mode), let value = get(spec.network) else {
                    return
                }
                writer.key(name)
                codec.write(value, &writer)
            },
            restore: { record, spec throws(RecordFault) in
                guard modes.contains(spec.network.mode) else { return }
                set(&spec.network, try codec.restore(record))
            })
    }
}

extension Codec<NetworkMode> {
    fileprivate static var networkMode: Codec {
        .parsed(
            "'none', 'host', 'bridge' or 'cni'", { NetworkMode(rawValue: $0) }, text: \.rawValue)
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
    static var port: Codec {
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
