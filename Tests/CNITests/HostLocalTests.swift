// The files of host-local.

import Kernel
import Testing

@testable import CNI

@Suite struct HostLocalTests {
    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test("a reservation tells its owner, in the form of today and in older ones")
    func reservations() throws {
        let today = HostLocalFile(name: "10.0.0.2", content: bytes("\(uid)\r\neth0"))
        #expect(try today == .reservation(address("10.0.0.2"), owner: uid, interface: "eth0"))
        #expect(today.belongs(to: uid))
        for other in ["", "019abf10", uid + "0", uid.uppercased()] {
            #expect(!today.belongs(to: other), "\(other)")
        }
        let v6 = HostLocalFile(name: "fd00:99::2", content: bytes("\(uid)\neth0\n"))
        #expect(try v6 == .reservation(address("fd00:99::2"), owner: uid, interface: "eth0"))
        let old = HostLocalFile(name: "10.0.0.2", content: bytes(" \(uid) \n"))
        #expect(old.belongs(to: uid))
    }

    @Test(
        "an address whose file was never written has no owner", arguments: ["", "\r\n", "\r\neth0"])
    func ownerless(_ content: String) throws {
        let file = HostLocalFile(name: "10.0.0.2", content: bytes(content))
        #expect(!file.belongs(to: uid) && !file.belongs(to: ""))
        if content != "\r\neth0" { #expect(try file == .ownerless(address("10.0.0.2"))) }
    }

    @Test("other files reserve nothing")
    func others() throws {
        #expect(HostLocalFile(name: "lock", content: []) == .lock)
        #expect(
            try HostLocalFile(name: "last_reserved_ip.0", content: bytes("10.0.0.2"))
                == .lastReserved(range: "0", address("10.0.0.2")))
        #expect(
            HostLocalFile(name: "last_reserved_ip.1", content: [])
                == .lastReserved(range: "1", nil))
        for name in ["10.0.0", "x", "10.0.0.2~", ".10.0.0.2"] {
            #expect(HostLocalFile(name: name, content: bytes(uid)) == .other, "\(name)")
        }
    }
}
