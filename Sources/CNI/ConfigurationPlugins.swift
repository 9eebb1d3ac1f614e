// The plugins of a configuration.

import JSON

extension ConfigurationReader {
    /// The plugins of a `.conflist`. None are required if a folder beside the file may have some.
    mutating func plugins(_ source: JSONSource) -> [PluginConfiguration] {
        guard let list = source["plugins"] else {
            return withoutPlugins(source)
        }
        guard let elements = list.value.elements else {
            fault(list, "an array is expected, and this is \(list.value.kindName)")
            return []
        }
        if elements.isEmpty { fault(list, "there is no plugin") }
        guard elements.count <= NetworkConfiguration.pluginLimit else {
            fault(
                list, "\(elements.count) plugins are more than \(NetworkConfiguration.pluginLimit)")
            return []
        }
        return list.elements.compactMap { plugin($0) }
    }

    private mutating func withoutPlugins(_ source: JSONSource) -> [PluginConfiguration] {
        if source["type"] != nil {
            fault(source, "'plugins' is missing: a file with one plugin has the suffix '.conf'")
        } else if source["loadOnlyInlinedPlugins"]?.value == .bool(true) {
            fault(source, "'plugins' is missing, and 'loadOnlyInlinedPlugins' is true")
        }
        return []
    }

    /// The plugin of a `.conf`, whose members are those of the whole file.
    mutating func singlePlugin(_ source: JSONSource) -> [PluginConfiguration] {
        if source["type"] == nil, let list = source["plugins"] {
            fault(list, "a file with a list of plugins has the suffix '.conflist'")
            return []
        }
        return plugin(source).map { [$0] } ?? []
    }

    mutating func plugin(_ source: JSONSource) -> PluginConfiguration? {
        guard source.value.members != nil else {
            fault(source, "an object is expected, and this is \(source.value.kindName)")
            return nil
        }
        let type = pluginType(in: source)
        let ipam = source["ipam"].flatMap { ipamType($0) }
        let capabilities = capabilities(source["capabilities"])
        guard let type else { return nil }
        return PluginConfiguration(
            type: type, ipamType: ipam, capabilities: capabilities,
            members: source.members.map { RawMember(name: $0.name, text: $0.source.text) })
    }

    private mutating func pluginType(in source: JSONSource) -> String? {
        guard let type = string("type", in: source) else { return nil }
        if isPluginType(type) { return type }
        fault(
            source["type"],
            "'\(excerpt(type))' is not a plugin: the name of a file, without '/'")
        return nil
    }

    /// A plugin may have no IPAM, an empty one, or one without a type.
    private mutating func ipamType(_ ipam: JSONSource) -> String? {
        guard let member = ipam["type"], member.value != .string("") else { return nil }
        return pluginType(in: ipam)
    }

    private mutating func capabilities(_ source: JSONSource?) -> Set<String> {
        guard let source, source.value != .null else { return [] }
        guard source.value.members != nil else {
            fault(source, "an object is expected, and this is \(source.value.kindName)")
            return []
        }
        var names: Set<String> = []
        for (name, member) in source.members {
            switch member.value {
            case .bool(true): names.insert(name)
            case .bool(false): break
            default:
                fault(member, "true or false is expected, and this is \(member.value.kindName)")
            }
        }
        return names
    }
}
