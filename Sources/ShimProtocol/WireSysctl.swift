// The document from which a shim sets the sysctls of its pod.

package struct WireSysctl: Equatable, Sendable {
    /// The name of all of them, as a part of the pod.
    package static let part = "sysctls"

    /// With dots between its parts.
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package static func document(_ sysctls: [WireSysctl]) -> [UInt8] {
        var writer = WireWriter()
        writer.put(version)
        writer.put(list: sysctls) { writer, sysctl in
            writer.put(sysctl.name)
            writer.put(sysctl.value)
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> [WireSysctl] {
        var reader = try WireReader(document, version: version)
        let sysctls = try reader.list { (reader: inout WireReader) throws(WireFault) in
            WireSysctl(name: try reader.text(), value: try reader.text())
        }
        try reader.end()
        return sysctls
    }
}
