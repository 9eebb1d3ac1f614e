// Values for the tests of CNI.

import JSON
import Testing

@testable import CNI

let uid = "019abf10-8d3a-7c11-9a56-3b1f0c2d4e5f"

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

func json(_ text: String) throws -> JSONValue { try JSONValue.parse(bytes(text)) }

func version(_ text: String) throws -> CNIVersion { try #require(CNIVersion(text)) }

func parsed(
    _ text: String, _ form: NetworkConfiguration.Form = .list
) throws -> NetworkConfiguration {
    try NetworkConfiguration.parse(bytes(text), file: "f", form: form)
}

func faults(
    _ text: String, _ form: NetworkConfiguration.Form = .list
) -> [ConfigurationFault] {
    do throws(ConfigurationFaults) {
        _ = try NetworkConfiguration.parse(bytes(text), file: "f", form: form)
        return []
    } catch { return error.faults }
}

func chain(_ text: String, _ version: String = "1.1.0") throws -> PluginChain {
    PluginChain(
        configuration: try parsed(text), version: try CNITests.version(version),
        directories: ["/opt/cni/bin", "/usr/lib/cni"])
}

func attachment(
    labels: [String: String] = [:], namespace: String? = "/proc/7/ns/net",
    capabilities: CapabilityArguments = CapabilityArguments()
) throws -> NetworkAttachment {
    try #require(
        NetworkAttachment(
            containerID: uid, interface: "eth0", namespace: namespace,
            arguments: PluginArguments([PluginArguments.Pair("IgnoreUnknown", "1")]),
            labels: labels, capabilities: capabilities))
}

extension PluginRequest {
    /// The environment as names and values.
    var variables: [String: String] {
        environment.reduce(into: [:]) { all, pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            all[String(parts[0])] = String(parts[1])
        }
    }

    var document: JSONValue { get throws { try JSONValue.parse(input) } }
}
