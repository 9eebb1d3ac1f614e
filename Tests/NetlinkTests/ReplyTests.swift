// The parser of replies takes any bytes.

import Glibc
import Netlink
import Testing

@Suite struct ReplyTests {
    /// A message, padded, with a body.
    private func message(_ type: UInt8, _ flags: [UInt8], _ body: [UInt8]) -> [UInt8] {
        let length = 16 + body.count
        let padding = [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
        return [UInt8(length), 0, 0, 0, type, 0] + flags + [7, 0, 0, 0, 0, 0, 0, 0] + body + padding
    }

    @Test("the messages of a datagram are told apart, and the last one needs no padding")
    func messages() throws {
        let bytes =
            message(16, [0, 0], [1, 2, 3]) + [17, 0, 0, 0, 3, 0, 2, 0] + [
                9, 0, 0, 0, 0, 0, 0, 0, 5,
            ]
        let replies = try #require(NetlinkReply.parse(bytes[...]))
        #expect(replies.map(\.type) == [16, 3])
        #expect(replies.map(\.sequence) == [7, 9])
        #expect(replies.map { Array($0.body) } == [[1, 2, 3], [5]])
        #expect(NetlinkReply.parse([])?.isEmpty == true)
    }

    @Test(
        "a datagram with a wrong length is none",
        arguments: [
            [1], [UInt8](repeating: 0, count: 16),
            [15, 0, 0, 0] + [UInt8](repeating: 0, count: 12),
            [17, 0, 0, 0] + [UInt8](repeating: 0, count: 12),
            [255, 255, 255, 255] + [UInt8](repeating: 0, count: 12),
        ])
    func wrongLengths(bytes: [UInt8]) { #expect(NetlinkReply.parse(bytes[...]) == nil) }

    private static let errorBodies: [(body: [UInt8], number: CInt)] = [
        ([0, 0, 0, 0], 0), ([0xef, 0xff, 0xff, 0xff], EEXIST), ([], EBADMSG), ([1, 2], EBADMSG),
        ([1, 0, 0, 0], EBADMSG), ([0, 0, 0, 0x80], EBADMSG), ([0, 0xe0, 0xff, 0xff], EBADMSG),
    ]

    @Test("an error has a number, also if it cannot be read", arguments: errorBodies)
    func errors(body: [UInt8], number: CInt) {
        let reply = NetlinkReply.parse(message(2, [0, 0], body)[...])?.first
        #expect(reply?.errorNumber == number)
    }

    @Test(
        "the kernel's text is after the request, which may be shortened to its header",
        arguments: [true, false])
    func text(isCapped: Bool) {
        let request: [UInt8] = [20, 0, 0, 0] + [UInt8](repeating: 0, count: 12)
        let body =
            [0xef, 0xff, 0xff, 0xff] + request + (isCapped ? [] : [1, 2, 3, 4])
            + [7, 0, 1, 0] + Array("no".utf8) + [0]
        let reply = NetlinkReply.parse(message(2, [0, isCapped ? 3 : 2], body)[...])?.first
        #expect(reply?.errorText == "no")
        #expect(NetlinkReply.parse(message(2, [0, 0], body)[...])?.first?.errorText == nil)
    }

    @Test("attributes end at a wrong length, and nested ones are inside their parent")
    func attributes() {
        let bytes: [UInt8] = [5, 0, 1, 0, 9, 0, 0, 0, 8, 0, 2, 0x80, 4, 0, 3, 0, 3, 0, 4, 0]
        let list = Attributes(bytes[...])
        #expect(list.map(\.type) == [1, 2])
        #expect(list[1].map(Array.init) == [9])
        #expect(list.nested(2).map(\.type) == [3])
        #expect(Array(list.nested(9)).isEmpty)
        for count in 0..<bytes.count { _ = Attributes(bytes[..<count]).map { Array($0.value) } }
    }

    @Test("numbers and texts are read within their bytes")
    func values() {
        let bytes: [UInt8] = [9, 1, 2, 3, 4]
        let rest = bytes.dropFirst()
        #expect(rest.host(UInt32.self) == 0x0403_0201 && rest.network(UInt32.self) == 0x0102_0304)
        #expect(rest.host(UInt16.self, at: 2) == 0x0403 && rest.host(UInt16.self, at: 3) == nil)
        #expect(rest.host(UInt16.self, at: -1) == nil && rest.host(UInt16.self, at: .max) == nil)
        #expect(Array("a\0b".utf8)[...].text == "a" && [0xff][...].text == "\u{fffd}")
    }
}
