// The version of a chain: the highest that its configuration permits and all its plugins support.

import Bytes

/// The plugins of a configuration have no version in common with it.
package struct VersionConflict: Error, Equatable, Sendable {
    /// What the configuration permits.
    package let permitted: [CNIVersion]
    /// What each plugin supports of that, by the plugin's type.
    package let supported: [String: [CNIVersion]]

    /// For people: one sentence.
    package var detail: String {
        let plugins = supported.sorted { ByteKey($0.key) < ByteKey($1.key) }.map {
            "\($0.key) supports \(list($0.value))"
        }
        return "the configuration permits CNI \(list(permitted)), but "
            + plugins.joined(separator: ", ")
    }

    private func list(_ versions: [CNIVersion]) -> String {
        versions.isEmpty ? "none" : versions.map(\.description).joined(separator: ", ")
    }
}

extension NetworkConfiguration {
    /// `supported` has the answer of VERSION for each of `pluginTypes`. A plugin without an answer
    /// supports none.
    package func chooseVersion(
        supported: [String: [CNIVersion]]
    ) throws(VersionConflict) -> CNIVersion {
        let answers = pluginTypes.map { ($0, supported[$0] ?? []) }
        let common = versions.last { version in answers.allSatisfy { $0.1.contains(version) } }
        if let common { return common }
        let lacking = answers.filter { !versions.allSatisfy($0.1.contains) }
        throw VersionConflict(
            permitted: versions,
            supported: Dictionary(lacking, uniquingKeysWith: { first, _ in first }))
    }
}
