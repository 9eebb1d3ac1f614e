//  The members of a network's spec, its document and its record.

package import JSON
import Kernel
package import Model

extension NetworkSpec {
    static let members = SpecTable<NetworkSpec>([
        .nullable("subnet", \.subnet, { $0.subnet = $1 }, .subnet(.v4, 8...30)),
        .nullable("subnet6", \.subnet6, { $0.subnet6 = $1 }, .subnet(.v6, 48...126)),
        .optional("mtu", \.mtu, { $0.mtu = $1 }, .mtu),
        .optional("masquerade", \.masquerade, { $0.masquerade = $1 }, .bool),
        .optional("isolate", \.isolate, { $0.isolate = $1 }, .bool),
    ])

    /// Reads `PUT /v1/networks/{network}`, with every default filled in but the subnet.
    package static func decode(_ value: JSONValue) throws(DocumentFaults) -> NetworkSpec {
        try decodeDocument(value) { object in
            var spec = NetworkSpec()
            _ = members.read(&object, into: &spec)
            return spec
        }
    }
}

extension Codec<IPPrefix> {
    /// A subnet with room for a bridge and a pod.
    fileprivate static func subnet(
        _ family: IPAddress.Family, _ lengths: ClosedRange<Int>
    ) -> Codec {
        let example = family == .v4 ? "10.88.0.0/16" : "fd00:10:88::/64"
        let rule =
            "a subnet like '\(example)', with a prefix of \(lengths.lowerBound) to "
            + "\(lengths.upperBound) bits and no bits set after it"
        return Codec(
            read: { field in
                field.parsed(rule) { text in
                    guard let prefix = IPPrefix(text), prefix.address.family == family,
                        lengths ~= prefix.length, prefix.network == prefix
                    else { return nil }
                    return prefix
                }
            },
            write: { $1.value($0.description) },
            restore: { record throws(RecordFault) in try record.parsed { IPPrefix($0) } })
    }
}

extension Codec<Int64> {
    fileprivate static var mtu: Codec {
        .integer { field in
            guard let bytes = field.integer(in: 0...65_535) else { return nil }
            // IPv6 needs 1280 bytes (RFC 8200, section 5), and IPv4 goes down to 68 (RFC 791).
            guard bytes == 0 || bytes >= 68 else {
                field.refuse("must be 0, or at least 68 bytes (RFC 791)")
                return nil
            }
            return bytes
        }
    }
}

extension NetworkSpec {
    /// A fault for each place at which this spec differs from `existing`.
    package func differences(from existing: NetworkSpec) -> [DocumentFault] {
        NetworkSpec.members.differences(self, existing)
    }
}

extension Network {
    /// The record that `init(record:)` reads.
    package func record() -> [UInt8] {
        writeRecord { writer in
            writer.member("uid", uid)
            writer.member("name", name.text)
            writer.member("state", state.rawValue)
            writer.member("auto", isAutomatic)
            writer.bits("rev", revision)
            writer.time("created", createdAt)
            writer.some("op", operation)
            writer.key("spec")
            NetworkSpec.members.writeObject(spec, to: &writer)
        }
    }

    /// Reads a record that `record()` wrote.
    package init(record: [UInt8]) throws(RecordFault) {
        let reader = try RecordReader(record: record)
        var spec = NetworkSpec()
        try NetworkSpec.members.restore(try reader["spec"], into: &spec)
        self.init(
            uid: try reader["uid"].uid(), name: try reader["name"].label(), spec: spec,
            isAutomatic: try reader["auto"].bool(),
            state: try reader["state"].parsed { NetworkState(rawValue: $0) },
            revision: try reader["rev"].bits(), createdAt: try reader["created"].time(),
            operation: try reader.optional("op")?.uid())
    }
}

/// A network, and how many of its addresses pods have.
package struct NetworkDocument: DocumentEncodable, Sendable {
    package let network: Network
    /// The number of addresses of `subnet` that pods have.
    package let used: Int

    package init(_ network: Network, used: Int) {
        self.network = network
        self.used = used
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("uid", network.uid)
        writer.member("name", network.name.text)
        writer.member("mode", "bridge")
        writer.member("state", network.state.rawValue)
        writer.member("revision", network.revision)
        writer.member("createdAt", network.createdAt)
        writer.member("automatic", network.isAutomatic)
        writer.member("bridge", network.bridge)
        NetworkSpec.members.write(network.spec, to: &writer)
        writer.member("operation", network.operation)
        writer.key("addresses")
        writer.beginObject()
        writer.member("used", Int64(used))
        let free = min(network.spec.subnet?.pods ?? 0, Network.mostPods) - used
        writer.member("free", Int64(clamping: free))
        writer.endObject()
        writer.endObject()
    }
}

extension IPPrefix {
    /// The number of addresses for pods: all but the network's own, the bridge's and the last one.
    package var pods: Int {
        let addresses = UInt128(1) << UInt128(min(address.family.bits - length, 62))
        return Int(addresses) - 3
    }
}
