// The attachments of a new pod, from its spec and the configurations of this moment.

import Bytes
import CNI
import Host
import JSON
import Kernel
import Model

extension PodController {
    /// Reads the configurations, and asks the plugins for their versions. A pod keeps the
    /// configuration that is read here.
    func planAttachments(of pod: Pod) async throws(Failure) -> [PodAttachment] {
        guard let wishes = pod.spec.network.cni else { return [] }
        let configured: ConfiguredNetworks
        do { configured = ConfiguredNetworks(try await host.configurationFiles()) } catch {
            throw Failure(.networkFailed, "\(error)")
        }
        var plan = AttachmentPlan(pod: pod, ports: wishes.ports)
        for wish in wishes.attachments {
            let network = try configured.usable(wish.network)
            let supported = try await host.versions(of: network.plugins, for: uid)
            let version: CNIVersion
            do throws(VersionConflict) {
                version = try network.configuration.chooseVersion(supported: supported)
            } catch {
                let file = network.configuration.file
                throw Failure(.networkRefused, "\(file): \(error.detail)")
            }
            try plan.add(wish, network, version, configured.pluginDirectories)
        }
        return try plan.finish()
    }
}

extension ConfiguredNetworks {
    /// Returns the network of that name, or the first one. Throws if it is not there, or cannot be
    /// used, with the file and the line.
    fileprivate func usable(_ name: String?) throws(Failure) -> ConfiguredNetwork {
        guard let network = network(name) else {
            let broken = files.filter { file in
                file.network == nil && (file.name == nil || name.map(file.isNamed) ?? true)
            }
            let faults = broken.flatMap(\.faults).map(\.description)
            if let failure { throw Failure(.networkFailed, "\(directory): \(failure)") }
            guard faults.isEmpty else {
                throw Failure(.networkRefused, faults.prefix(8).joined(separator: "; "))
            }
            let which = name.map { "'\($0)'" } ?? "that can be used"
            throw Failure(.networkUnknown, "there is no network \(which) in \(directory)")
        }
        guard network.missing.isEmpty else {
            let places = pluginDirectories.joined(separator: ", ")
            let names = network.missing.map { "'\($0)'" }.joined(separator: ", ")
            let file = network.configuration.file
            throw Failure(.networkRefused, "\(file): there is no plugin \(names) in \(places)")
        }
        return network
    }
}

/// Collects the attachments of one pod.
struct AttachmentPlan {
    /// The bytes of all configurations of a pod, because the record and the note contain them.
    static let configurationLimit = 256 << 10

    private let pod: Pod
    /// The ports that no network has taken yet.
    private var ports: [PortSpec]
    private var attachments: [PodAttachment] = []

    init(pod: Pod, ports: [PortSpec]) {
        self.pod = pod
        self.ports = ports
    }

    mutating func add(
        _ wish: CNIAttachment, _ network: ConfiguredNetwork, _ version: CNIVersion,
        _ directories: [String]
    ) throws(Failure) {
        let configuration = network.configuration
        let declared = configuration.plugins.reduce(into: Set<String>()) {
            $0.formUnion($1.capabilities)
        }
        for name in wish.capabilities.keys.sorted() where !declared.contains(name) {
            throw Failure(
                .networkRefused,
                "\(configuration.file): no plugin has the capability '\(name)', which the pod "
                    + "gives a value for")
        }
        var capabilities = wish.capabilities
        if !ports.isEmpty, declared.contains("portMappings") {
            var arguments = CapabilityArguments()
            arguments.set(ports: ports.map(PortMapping.init))
            for member in arguments.members { capabilities[member.name] = member.value.bytes }
            ports = []
        }
        if pod.spec.dns != DNSSpec(), declared.contains("dns"), capabilities["dns"] == nil {
            capabilities["dns"] = pod.spec.dns.capability.bytes
        }
        attachments.append(
            PodAttachment(
                network: configuration.name, interface: wish.interface, file: configuration.file,
                isList: configuration.form == .list, configuration: configuration.bytes,
                version: version.description, directories: directories,
                arguments: try arguments(of: wish), labels: pod.spec.labels,
                capabilities: capabilities))
    }

    private func arguments(
        of wish: CNIAttachment
    ) throws(Failure) -> [PodAttachment.Argument] {
        let others = wish.args.sorted { ByteKey($0.key) < ByteKey($1.key) }
            .map { PluginArguments.Pair($0.key, $0.value) }
        do throws(ArgumentFault) {
            return try PluginArguments.ofPod(
                name: pod.name.text, uid: "\(pod.uid)", labels: pod.spec.labels, others: others
            ).pairs.map { PodAttachment.Argument($0.name, $0.value) }
        } catch { throw Failure(.networkRefused, "\(error.name): \(error.detail)") }
    }

    func finish() throws(Failure) -> [PodAttachment] {
        if let port = ports.first {
            let networks = attachments.map { "'\($0.network)'" }.joined(separator: ", ")
            throw Failure(
                .networkRefused,
                "host port \(port.hostPort): no plugin of \(networks) has the capability "
                    + "'portMappings'")
        }
        let size = attachments.reduce(0) { $0 + $1.configuration.count }
        guard size <= AttachmentPlan.configurationLimit else {
            throw Failure(
                .networkRefused,
                "the configurations have \(size) bytes, of \(AttachmentPlan.configurationLimit) "
                    + "at most")
        }
        return attachments
    }
}

extension DNSSpec {
    /// The value of the capability `dns` (CNI's CONVENTIONS.md).
    fileprivate var capability: JSONValue {
        let lists = [
            ("servers", servers.map(\.description)), ("searches", searches), ("options", options),
        ]
        return .object(
            lists.map { JSONMember(name: $0.0, value: .array($0.1.map { .string($0) })) })
    }
}

extension PortMapping {
    fileprivate init(_ port: PortSpec) {
        self.init(
            hostPort: port.hostPort, containerPort: port.containerPort,
            transport: port.transport.rawValue, hostIP: port.hostIP)
    }
}
