// What administrators and plugins give to the target CNI: configurations, results, and the output
// of iptables-save.

import CNI
import JSON

private let uid = "019abf10-8d3a-7c11-9a56-3b1f0c2d4e5f"

/// A configuration that is read makes requests that are JSON, and keeps its bytes.
@Sendable func fuzzConfiguration(_ bytes: [UInt8]) {
    for form in [NetworkConfiguration.Form.list, .single] {
        do throws(ConfigurationFaults) {
            let network = try NetworkConfiguration.parse(bytes, file: "f", form: form)
            must(network.bytes == bytes, "other bytes are kept")
            must(!network.versions.isEmpty, "no version")
            must(isNetworkName(network.name), "the name \(network.name)")
            must(network.pluginTypes.allSatisfy(isPluginType), "the types \(network.pluginTypes)")
            check(network)
        } catch {
            must(!error.faults.isEmpty, "refused without a fault")
            must(error.faults.allSatisfy { !$0.detail.isEmpty }, "a fault without a word")
        }
    }
}

private func check(_ network: NetworkConfiguration) {
    guard let version = network.versions.last,
        let attachment = NetworkAttachment(
            containerID: uid, interface: "eth0", namespace: nil, labels: ["a": "b"])
    else { fatalError("no version, or no attachment") }
    let chain = PluginChain(configuration: network, version: version, directories: ["/d"])
    var requests = chain.delete(attachment, result: nil) + chain.status()
    requests += chain.collectGarbage(keeping: [])
    requests += network.plugins.indices.map { chain.add($0, attachment, previous: nil) }
    for request in requests {
        do throws(JSONFault) {
            let input = try JSONValue.parse(request.input)
            must(input["name"]?.string == network.name, "another name is sent")
            must(input["capabilities"] == nil, "capabilities are sent")
            must(input["type"]?.string == request.type, "another type is sent")
        } catch { must(false, "no JSON is sent: \(error)") }
    }
}

/// A result that is read is the same after it was stored, in each version.
@Sendable func fuzzAddResult(_ bytes: [UInt8]) {
    let output = PluginOutput(end: .exited(code: 0), stdout: bytes)
    do throws(PluginFailure) {
        let result = try output.added(asked: .newest)
        let stored = try AddResult.parse(result.bytes(as: .newest), asked: .newest)
        must(stored.addresses == result.addresses, "other addresses are stored")
        must(stored.attached("eth0") == result.attached("eth0"), "another interface is stored")
        for version in CNIVersion.known {
            let other = try AddResult.parse(result.bytes(as: version), asked: .newest)
            must(other.version == version, "\(version) is \(other.version)")
            must(other.addresses == result.addresses, "other addresses in \(version)")
        }
    } catch { must(!error.detail.isEmpty, "a failure without a word") }
    do throws(PluginFailure) {
        must(try output.versions().allSatisfy(\.isKnown), "an unknown version")
    } catch { must(!error.detail.isEmpty, "a failure without a word") }
}

/// A removal has lines of four kinds, and each deleted rule has the pod's id.
@Sendable func fuzzIPTablesSave(_ bytes: [UInt8]) {
    let save = IPTablesSave(bytes)
    let removal = RuleRemoval(of: uid, networks: ["trial"], in: save)
    guard let input = removal.input else { return }
    let names = Set(
        (["trial"] + networks(bytes)).flatMap { chainNames(network: $0, containerID: uid) })
    var isOpen = false
    for line in input.split(separator: UInt8(ascii: "\n")) {
        let text = String(decoding: line, as: UTF8.self)
        switch line.first {
        case UInt8(ascii: "*"):
            must(!isOpen, "a table in a table")
            isOpen = true
        case UInt8(ascii: "C"):
            must(text == "COMMIT" && isOpen, "no commit: \(text)")
            isOpen = false
        default:
            must(isOpen, "outside of a table: \(text)")
            let words = text.split(separator: " ")
            switch words.first {
            case "-D": must(text.contains(uid), "another's rule: \(text)")
            case "-F", "-X":
                must(words.count == 2 && names.contains(String(words[1])), "a chain: \(text)")
            default: must(false, "a line: \(text)")
            }
        }
    }
    must(!isOpen, "no commit at the end")
}

/// All texts that may be the name of a network in a comment.
private func networks(_ bytes: [UInt8]) -> [String] {
    bytes.split { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") }.map {
        String(decoding: $0, as: UTF8.self)
    }
}
