import Kernel
import Testing

@Suite("IP addresses") struct IPAddressTests {
    @Test(
        "an address is read and written as RFC 5952 has it",
        arguments: [
            ("10.88.0.1", "10.88.0.1"), ("255.255.255.255", "255.255.255.255"),
            ("FD00:0:0::1", "fd00::1"), ("::", "::"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
        ])
    func roundTrip(text: String, canonical: String) throws {
        let address = try #require(IPAddress(text))
        #expect(address.description == canonical)
        #expect(IPAddress(bytes: address.bytes) == address)
    }

    @Test(
        "what is no address is refused",
        arguments: [
            "", "10.88.0", "10.88.0.256", "010.1.1.1", "10.88.0.1/16", "10.88.0.1\0", " ::1",
            "fe80::1%eth0", "1.2.3.4\u{301}",
        ])
    func refused(text: String) { #expect(IPAddress(text) == nil) }

    @Test(
        "a prefix has a network, a last address and no leading zeros",
        arguments: [
            ("10.88.3.4/16", "10.88.0.0/16", "10.88.255.255"),
            ("1.2.3.4/32", "1.2.3.4/32", "1.2.3.4"),
            ("1.2.3.4/0", "0.0.0.0/0", "255.255.255.255"),
            ("fd00::5/64", "fd00::/64", "fd00::ffff:ffff:ffff:ffff"),
            ("fd00::5/0", "::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ])
    func prefix(text: String, network: String, last: String) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.description == text)
        #expect(prefix.network.description == network)
        #expect(prefix.last.description == last)
        #expect(prefix.contains(prefix.address) && prefix.contains(prefix.last))
    }

    @Test(
        "what is no prefix is refused",
        arguments: ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "::/129"])
    func refusedPrefix(text: String) { #expect(IPPrefix(text) == nil) }

    @Test(
        "prefixes overlap if one contains the other",
        arguments: [
            ("10.88.0.0/16", "10.88.3.0/24", true), ("10.88.3.0/24", "10.88.0.0/16", true),
            ("10.88.0.0/16", "10.89.0.0/16", false), ("0.0.0.0/0", "10.0.0.0/8", true),
            ("::/0", "10.0.0.0/8", false), ("10.88.0.0/16", "10.88.0.0/16", true),
        ])
    func overlap(one: String, other: String, expected: Bool) throws {
        #expect(try #require(IPPrefix(one)).overlaps(try #require(IPPrefix(other))) == expected)
    }
}
