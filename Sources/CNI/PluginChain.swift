// The requests of a chain for each verb (SPEC.md section 3).

/// A configuration, the version that was chosen for it, and the directories of the plugins. It must
/// not change between ADD and DEL.
package struct PluginChain: Equatable, Sendable {
    package let configuration: NetworkConfiguration
    package let version: CNIVersion
    /// In the order of the search; none contains ':'.
    package let directories: [String]

    package init(configuration: NetworkConfiguration, version: CNIVersion, directories: [String]) {
        self.configuration = configuration
        self.version = version
        self.directories = directories
    }

    /// Whether CHECK says anything about this network.
    package var canCheck: Bool { version.hasCheck && !configuration.disableCheck }
    package var canStatus: Bool { version.hasStatus }
    package var canCollectGarbage: Bool { version.hasStatus && !configuration.disableGC }

    /// The ADD of the plugin `index`. `previous` is the result of the plugin before it, and `nil`
    /// for the first.
    package func add(
        _ index: Int, _ attachment: NetworkAttachment, previous: AddResult?
    ) -> PluginRequest {
        request(.add, configuration.plugins[index], attachment, previous)
    }

    /// The DELs in their order: the last plugin first, each with the result of the whole ADD. A
    /// failed ADD has no result, and it is deleted all the same.
    package func delete(_ attachment: NetworkAttachment, result: AddResult?) -> [PluginRequest] {
        let result = version.hasCheck ? result : nil
        return configuration.plugins.reversed().map { request(.delete, $0, attachment, result) }
    }

    /// The CHECKs in their order; none if the version has no CHECK or the configuration forbids it.
    package func check(_ attachment: NetworkAttachment, result: AddResult) -> [PluginRequest] {
        guard canCheck else { return [] }
        return configuration.plugins.map { request(.check, $0, attachment, result) }
    }

    /// None before CNI 1.1.0.
    package func status() -> [PluginRequest] {
        guard canStatus else { return [] }
        return configuration.plugins.map { plugin in
            PluginRequest(
                verb: .status, type: plugin.type, input: input(plugin) { _ in },
                environment: environment(.status))
        }
    }

    /// None before CNI 1.1.0, or if the configuration forbids it. No ADD and no DEL of the network
    /// may run meanwhile. All plugins are asked, even if one fails.
    package func collectGarbage(keeping valid: [ValidAttachment]) -> [PluginRequest] {
        guard canCollectGarbage else { return [] }
        return configuration.plugins.map { plugin in
            PluginRequest(
                verb: .collectGarbage, type: plugin.type,
                input: input(plugin) { writer in writer.write(valid) },
                environment: environment(.collectGarbage))
        }
    }

    private func request(
        _ verb: PluginVerb, _ plugin: PluginConfiguration, _ attachment: NetworkAttachment,
        _ previous: AddResult?
    ) -> PluginRequest {
        PluginRequest(
            verb: verb, type: plugin.type,
            input: input(plugin, labels: attachment.labels) { writer in
                writer.write(attachment.capabilities, declared: plugin.capabilities)
                writer.write(previous, as: version)
            },
            environment: environment(verb, attachment))
    }

    private func environment(_ verb: PluginVerb, _ attachment: NetworkAttachment) -> [String] {
        environment(verb) + [
            "CNI_CONTAINERID=\(attachment.containerID)",
            "CNI_NETNS=\(attachment.namespace ?? "")",
            "CNI_IFNAME=\(attachment.interface)",
            "CNI_ARGS=\(attachment.arguments.text)",
        ]
    }

    private func environment(_ verb: PluginVerb) -> [String] {
        [
            "CNI_COMMAND=\(verb.rawValue)", "CNI_PATH=\(directories.joined(separator: ":"))",
            PluginRequest.programPath,
        ]
    }
}
