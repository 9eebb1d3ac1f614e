// Identifies equal requests, to distinguish a retry from the reuse of its id.

import HTTP

/// FNV-1a, 64 bits (draft-eastlake-fnv). Not cryptographic: the clients of one socket trust each
/// other.
struct Fingerprint {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    /// Covers method, path, query and body. Each part ends with a byte that UTF-8 does not contain.
    init(of request: HTTPRequest) {
        mix(request.method.utf8)
        mix(request.path.utf8)
        for (name, value) in request.query {
            mix(name.utf8)
            if let value { mix(value.utf8) }
        }
        mix(request.body)
    }

    private mutating func mix(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { mix(byte) }
        mix(0xff)
    }

    private mutating func mix(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
}
