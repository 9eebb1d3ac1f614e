// CNI_ARGS: pairs of texts for every plugin of a chain (SPEC.md section 2, CONVENTIONS.md).

import Bytes

/// The pairs of CNI_ARGS, in their order.
package struct PluginArguments: Equatable, Sendable {
    package struct Pair: Equatable, Sendable {
        package let name: String
        package let value: String

        package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }
    }

    package private(set) var pairs: [Pair] = []

    package init() {}

    /// Refuses a pair that plugins would read as another one, because CNI_ARGS has no escapes.
    package init(_ pairs: [Pair]) throws(ArgumentFault) {
        for pair in pairs { try set(pair) }
    }

    /// Adds a pair, or replaces the value of its name.
    package mutating func set(_ pair: Pair) throws(ArgumentFault) {
        if let why = PluginArguments.refusal(of: pair) {
            throw ArgumentFault(name: pair.name, detail: why)
        }
        if let index = pairs.firstIndex(where: { $0.name.isSame(as: pair.name) }) {
            pairs[index] = pair
        } else {
            pairs.append(pair)
        }
    }

    /// The arguments of containerd and CRI-O, without which Calico and kube-ovn refuse an ADD. A
    /// pod that Kubernetes made has Kubernetes' names in its labels; any other pod has its own.
    /// `others` replace these values and add more.
    package static func ofPod(
        name: String, uid: String, labels: [String: String], others: [Pair]
    ) throws(ArgumentFault) -> PluginArguments {
        let label = { (name: String) in labels["io.kubernetes.pod." + name] }
        var arguments = try PluginArguments([
            Pair("IgnoreUnknown", "1"),
            Pair("K8S_POD_NAMESPACE", label("namespace") ?? "default"),
            Pair("K8S_POD_NAME", label("name") ?? name),
            Pair("K8S_POD_INFRA_CONTAINER_ID", uid),
            Pair("K8S_POD_UID", label("uid") ?? uid),
        ])
        for pair in others { try arguments.set(pair) }
        return arguments
    }

    /// The variable's value.
    package var text: String { pairs.map { "\($0.name)=\($0.value)" }.joined(separator: ";") }

    private static func refusal(of pair: Pair) -> String? {
        guard !pair.name.isEmpty, pair.name.utf8.allSatisfy(isNameByte) else {
            return "a name in CNI_ARGS has only letters, digits and '_'"
        }
        if pair.value.has(";") || pair.value.has("=") {
            return "';' and '=' cannot be in a value of CNI_ARGS, because they separate the pairs"
        }
        if pair.value.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            return "a value of CNI_ARGS has no control characters"
        }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_")
            || isCNIName(String(decoding: [byte], as: UTF8.self))
    }
}

/// A pair that CNI_ARGS cannot contain.
package struct ArgumentFault: Error, Equatable, Sendable {
    package let name: String
    /// For people: what is wrong.
    package let detail: String
}
