// A result in another version, for the next plugin of a chain and for the record.

import JSON
import Kernel

extension AddResult {
    /// The document in `version`, with the version's members. Unknown members stay.
    package func bytes(as version: CNIVersion) -> [UInt8] {
        var result = document.replacing("cniVersion", with: .string(version.description))
        if version.namesAddressFamily {
            result = result.mapping("ips") { naming($0) }
        } else if self.version.namesAddressFamily {
            result = result.mapping("ips") { $0.without(["version"]) }
        }
        if !version.hasInterfaceDetails, self.version.hasInterfaceDetails {
            result = result.mapping("interfaces") { $0.without(["mtu", "socketPath", "pciID"]) }
                .mapping("routes") {
                    $0.without(["mtu", "advmss", "priority", "table", "scope"])
                }
        }
        return result.bytes
    }

    /// Up to CNI 0.4.0 the family of an address is a member.
    private func naming(_ address: JSONValue) -> JSONValue {
        let prefix = address["address"]?.string.flatMap { IPPrefix($0) }
        return address.replacing(
            "version", with: .string(prefix?.address.family == .v6 ? "6" : "4"))
    }
}

extension JSONValue {
    /// This object with each element of the array `name` changed.
    fileprivate func mapping(_ name: String, _ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard let elements = self[name]?.elements else { return self }
        return replacing(name, with: .array(elements.map(change)))
    }

    fileprivate func without(_ names: Set<String>) -> JSONValue {
        .object((members ?? []).filter { !names.contains($0.name) })
    }
}
