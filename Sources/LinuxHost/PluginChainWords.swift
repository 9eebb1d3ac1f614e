// The attachments of a record as requests to plugins, and the ends of plugins in words.

import Bytes
import CNI
import JSON
import Kernel
import Model
import ShimProtocol

/// An attachment with its chain of plugins, as they are asked.
struct AttachedChain {
    let attachment: PodAttachment
    let chain: PluginChain
    let asked: NetworkAttachment
    /// `nil` if ADD has not succeeded.
    let result: AddResult?

    /// Throws the reason if the record cannot be used: its configuration was read before it was
    /// recorded, so that happens only if the record is damaged. `namespace` is `nil` if it is gone.
    init(
        _ attachment: PodAttachment, of pod: UID, namespace: String?
    ) throws(UnusableAttachment) {
        self.attachment = attachment
        do {
            let configuration = try NetworkConfiguration.parse(
                attachment.configuration, file: attachment.file,
                form: attachment.isList ? .list : .single)
            guard let version = CNIVersion(attachment.version) else {
                throw UnusableAttachment("the version '\(attachment.version)'")
            }
            chain = PluginChain(
                configuration: configuration, version: version,
                directories: attachment.directories)
            var capabilities = CapabilityArguments()
            for (name, json) in attachment.capabilities.sorted(by: {
                ByteKey($0.key) < ByteKey($1.key)
            }) {
                try capabilities.set(name, try JSONValue.parse(json))
            }
            let asked = NetworkAttachment(
                containerID: "\(pod)", interface: attachment.interface, namespace: namespace,
                arguments: try PluginArguments(
                    attachment.arguments.map { PluginArguments.Pair($0.name, $0.value) }),
                labels: attachment.labels, capabilities: capabilities)
            guard let asked else { throw UnusableAttachment("the interface's name") }
            self.asked = asked
            result = try attachment.made.map { try AddResult.parse($0.result, asked: version) }
        } catch { throw UnusableAttachment("\(attachment.description): \(error)") }
    }

    /// The directories of host-local with the addresses of the network.
    var addressFolders: [String] {
        let network = attachment.network
        let plugins: [JSONValue]
        do throws(JSONFault) {
            let value = try JSONValue.parse(attachment.configuration)
            plugins = attachment.isList ? value["plugins"]?.elements ?? [] : [value]
        } catch { return [] }  // it has no plugin either
        let managers = plugins.compactMap { $0["ipam"] }.filter {
            $0["type"]?.string.map { $0.isSame(as: "host-local") } ?? false
        }
        return managers.map { manager in
            let directory = manager["dataDir"]?.string ?? ""
            return "\(directory.isEmpty ? "/var/lib/cni/networks" : directory)/\(network)"
        }
    }

    /// The pod's interface in the host's network namespace.
    var link: WireLink? {
        guard let result, let name = attachment.made?.hostInterface else { return nil }
        let link = result.interfaces.first { $0.sandbox == nil && $0.name.isSame(as: name) }
        guard let mac = link?.mac.flatMap({ MACAddress($0) }) else { return nil }
        return WireLink(name: name, mac: mac.bytes)
    }
}

struct UnusableAttachment: Error {
    let detail: String

    init(_ detail: String) { self.detail = detail }
}

extension PluginRequest {
    /// A program of the helper.
    func program(in directories: [String], keeping limit: Int) -> WireProgram {
        WireProgram(
            name: type, directories: directories, environment: environment, input: input,
            limit: UInt32(clamping: limit))
    }

    /// The program of a DEL or CHECK, whose output only matters if it explains a failure.
    func program(for attachment: PodAttachment) -> WireProgram {
        program(in: attachment.directories, keeping: 64 << 10)
    }
}

extension PluginOutput {
    /// `nil` if the plugin did not run.
    init?(_ end: WireProgramEnd) {
        let known: End
        switch end.end {
        case .exited(let code): known = .exited(code: code)
        case .killed(let signal): known = .killed(signal: signal)
        case .notStarted: return nil
        }
        self.init(end: known, stdout: end.output, stderr: end.errors, isCut: end.isCut)
    }
}

extension WireProgramEnd {
    /// Why the program did not run; `nil` if it did.
    var refusal: String? {
        if case .notStarted(let why, _) = end { why } else { nil }
    }
}
