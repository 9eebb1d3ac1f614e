// A network configuration of an administrator (SPEC.md 1.1.0, section 1), as it was read.

package import JSON

/// A network and its chain of plugins.
package struct NetworkConfiguration: Equatable, Sendable {
    /// The path or name of the file, for messages.
    package let file: String
    /// Whether the bytes have a chain or one plugin. It follows from the file's suffix.
    package let form: Form
    /// The bytes from which the configuration was read. A pod's record keeps them: DEL must have
    /// the configuration of ADD (section 3, "Lifecycle & Ordering").
    package let bytes: [UInt8]
    package let name: String
    /// The versions that the configuration permits and Staunch speaks, in ascending order. There is
    /// at least one.
    package let versions: [CNIVersion]
    package let disableCheck: Bool
    package let disableGC: Bool
    /// If false, the files of the folder with the network's name add plugins to the chain.
    package let loadOnlyInlinedPlugins: Bool
    package let plugins: [PluginConfiguration]
}

/// One plugin of a chain.
package struct PluginConfiguration: Equatable, Sendable {
    /// The name of the plugin's file.
    package let type: String
    /// The name of the file of the plugin that assigns addresses, if there is one.
    package let ipamType: String?
    /// The capabilities that the configuration declares as `true`.
    package let capabilities: Set<String>
    /// All members as they were written.
    let members: [RawMember]
}

/// A member of an object, with the bytes of its value.
struct RawMember: Equatable, Sendable {
    let name: String
    let text: [UInt8]
}

extension NetworkConfiguration {
    /// Whether a file has a chain of plugins (`.conflist`) or one plugin (`.conf`).
    package enum Form: Sendable { case single, list }

    /// A larger configuration is refused.
    package static let byteLimit = 1 << 20
    /// A longer chain is refused.
    package static let pluginLimit = 32

    /// The files of plugins that the network needs: the chain's and their IPAM plugins'.
    package var pluginTypes: [String] {
        plugins.flatMap { [$0.type] + ($0.ipamType.map { [$0] } ?? []) }.reduce(into: []) {
            if !$0.contains($1) { $0.append($1) }
        }
    }
}

/// A fault of a configuration file and its place.
package struct ConfigurationFault: Equatable, Sendable, CustomStringConvertible {
    package let file: String
    /// Counted from 1; `nil` if the fault is of the file as a whole.
    package let line: Int?
    package let pointer: JSONPointer
    /// For people: what is wrong.
    package let detail: String

    package var description: String {
        let place = line.map { "\(file):\($0)" } ?? file
        return pointer == .root ? "\(place): \(detail)" : "\(place): at '\(pointer)': \(detail)"
    }
}

/// All faults of a file. There is at least one.
package struct ConfigurationFaults: Error, Equatable, Sendable {
    package let faults: [ConfigurationFault]
    /// The network's name, if it could be read.
    package let name: String?
}
