//  The members of a pod's attachments to networks of plugins.

import Bytes
import CNI
import JSON
import Model

extension CNIAttachment {
    static let members = SpecTable<CNIAttachment>([
        .nullable("network", \.network, { $0.network = $1 }, .pluginNetwork),
        .optional("interface", \.interface, { $0.interface = $1 }, .interfaceName),
        .optional("args", \.args, { $0.args = $1 }, .map { $0.pluginArguments() }),
        .optional("capabilities", \.capabilities, { $0.capabilities = $1 }, .capabilities),
    ])

    /// The attachment with that index, with every default.
    fileprivate init(index: Int) { self.init(interface: "eth\(index)") }
}

extension Codec<String> {
    /// A name of CNI, which allows more than a label.
    static var pluginNetwork: Codec {
        .parsed(
            "a network's name: 1 to 200 letters, digits, '_', '.' and '-', and the first is a "
                + "letter or a digit",
            { isNetworkName($0) ? $0 : nil }, text: { $0 })
    }

    fileprivate static var interfaceName: Codec {
        .parsed(
            "an interface's name: 1 to 15 bytes of ASCII without white space, '/', ':' and '%', "
                + "and not 'lo'",
            { isInterfaceName($0) && !$0.isSame(as: "lo") ? $0 : nil }, text: { $0 })
    }
}

extension Codec<[CNIAttachment]> {
    static var attachments: Codec {
        .objects(CNIAttachment.members, CNIAttachment(index: 0)) { $0.attachments() }
    }
}

extension Codec<[String: [UInt8]]> {
    fileprivate static var capabilities: Codec {
        Codec(
            read: { $0.capabilities() },
            write: { capabilities, writer in
                writer.beginObject()
                for (name, json) in capabilities.sorted(by: { $0.key < $1.key }) {
                    writer.key(name)
                    writer.raw(json)
                }
                writer.endObject()
            },
            restore: { record throws(RecordFault) in
                Dictionary(try record.entries().map { ($0.name, $0.value.value.bytes) }) { $1 }
            })
    }
}

extension Field {
    /// At least one attachment. No two interfaces have the same name.
    fileprivate func attachments() -> [CNIAttachment]? {
        guard let elements = elements(limit: DocumentLimits.attachments) else { return nil }
        if elements.isEmpty { refuse("must not be empty") }
        var attachments: [CNIAttachment] = []
        for (index, element) in elements.enumerated() {
            var attachment = CNIAttachment(index: index)
            guard element.readObject(CNIAttachment.members, into: &attachment) else { continue }
            if attachments.contains(where: { $0.interface.isSame(as: attachment.interface) }) {
                let place = element.pointer.appending("interface")
                log.add(place, "'\(attachment.interface)' is another attachment's, too")
            }
            attachments.append(attachment)
        }
        return elements.isEmpty ? nil : attachments
    }

    fileprivate func pluginArguments() -> [String: String]? {
        guard let entries = entries(limit: DocumentLimits.notes) else { return nil }
        var arguments: [String: String] = [:]
        for (name, field) in entries {
            guard let value = field.string() else { continue }
            do throws(ArgumentFault) {
                _ = try PluginArguments([PluginArguments.Pair(name, value)])
                arguments[name] = value
            } catch { field.refuse("is refused: \(error.detail)") }
        }
        return arguments
    }

    fileprivate func capabilities() -> [String: [UInt8]]? {
        guard let entries = entries(limit: DocumentLimits.notes) else { return nil }
        var capabilities: [String: [UInt8]] = [:]
        for (name, field) in entries {
            if let value = field.capability(name) { capabilities[name] = value.bytes }
        }
        return capabilities
    }

    private func capability(_ name: String) -> JSONValue? {
        guard isCNIName(name) else {
            refuse("a capability's name has only letters, digits, '_', '.' and '-'")
            return nil
        }
        guard !name.isSame(as: "portMappings") else {
            refuse("follows from 'ports' of the network, and cannot be given")
            return nil
        }
        var arguments = CapabilityArguments()
        do throws(CapabilityFault) { try arguments.set(name, value) } catch {
            log.add(pointer.appending(error.pointer), error.detail)
            return nil
        }
        return value.sorted
    }
}

extension JSONValue {
    /// This value with the members of each object in the order of their names.
    fileprivate var sorted: JSONValue {
        switch self {
        case .null, .bool, .integer, .real, .string: self
        case .array(let elements): .array(elements.map(\.sorted))
        case .object(let members):
            .object(
                members.map { JSONMember(name: $0.name, value: $0.value.sorted) }
                    .sorted { ByteKey($0.name) < ByteKey($1.name) })
        }
    }
}

extension DocumentLimits {
    /// Interfaces of a pod.
    static let attachments = 16
}
