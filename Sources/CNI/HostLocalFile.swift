// The files of the IPAM plugin host-local: <dataDir>/<network>/<name>, with dataDir
// /var/lib/cni/networks by default. Seen with version 1.1.1, read in 1.9.1.

import Bytes
package import Kernel

/// The meaning of one file.
package enum HostLocalFile: Equatable, Sendable {
    /// The name is an address. The content is the container id, CR, LF and the interface's name;
    /// versions before 0.8 wrote only the container id.
    case reservation(IPAddress, owner: String, interface: String?)
    /// An address without an owner: host-local was killed between creating the file and writing it.
    /// No DEL ever frees it, because DEL looks for the owner.
    case ownerless(IPAddress)
    /// `last_reserved_ip.<range>`: the address from which the next search goes on. It reserves
    /// nothing.
    case lastReserved(range: String, IPAddress?)
    /// `lock`, on which every host-local of the network takes a flock.
    case lock
    /// A file that host-local did not make.
    case other

    package init(name: String, content: [UInt8]) {
        let text = trimmed(content[...])
        if name == "lock" {
            self = .lock
        } else if let range = name.after("last_reserved_ip.") {
            self = .lastReserved(range: range, IPAddress(String(decoding: text, as: UTF8.self)))
        } else if let address = IPAddress(name) {
            self = HostLocalFile.reservation(of: address, text)
        } else {
            self = .other
        }
    }

    /// Whether the file reserves an address for that pod, on any interface.
    package func belongs(to containerID: String) -> Bool {
        if case .reservation(_, let owner, _) = self {
            owner.isSame(as: containerID)
        } else {
            false
        }
    }

    private static func reservation(
        of address: IPAddress, _ text: ArraySlice<UInt8>
    ) -> HostLocalFile {
        let line = text.prefix { $0 != newline && $0 != carriageReturn }
        let rest = trimmed(text[line.endIndex...])
        guard !line.isEmpty else { return .ownerless(address) }
        return .reservation(
            address, owner: String(decoding: line, as: UTF8.self),
            interface: rest.isEmpty ? nil : String(decoding: rest, as: UTF8.self))
    }
}

/// host-local compares contents without white space at their ends.
private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var rest = bytes.drop { isSpace($0) }
    while let last = rest.last, isSpace(last) { rest.removeLast() }
    return rest
}

private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

private let newline = UInt8(ascii: "\n")
private let carriageReturn = UInt8(ascii: "\r")
