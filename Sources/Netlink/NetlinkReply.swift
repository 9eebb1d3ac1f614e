// Reads netlink messages and attributes. All functions take any bytes: none of them crashes, and
// each byte is read at most once for each level of attributes.

import Glibc

/// One message of the kernel.
package struct NetlinkReply: Sendable {
    package let type: UInt16
    package let flags: UInt16
    package let sequence: UInt32
    /// All after the header.
    package let body: ArraySlice<UInt8>

    /// NLMSG_ERROR, also an ack.
    static let error: UInt16 = 2
    /// NLMSG_DONE, the end of a dump.
    static let done: UInt16 = 3
    /// NLM_F_DUMP_INTR: the objects changed during the dump.
    static let interrupted: UInt16 = 0x10

    /// The messages in a datagram; `nil` if a length is wrong.
    package static func parse(_ bytes: ArraySlice<UInt8>) -> [NetlinkReply]? {
        var replies: [NetlinkReply] = []
        var rest = bytes
        while !rest.isEmpty {
            guard let length = rest.host(UInt32.self).map({ Int($0) }), length >= 16,
                length <= rest.count,
                let type = rest.host(UInt16.self, at: 4),
                let flags = rest.host(UInt16.self, at: 6),
                let sequence = rest.host(UInt32.self, at: 8)
            else { return nil }
            let body = rest.prefix(length).dropFirst(16)
            replies.append(NetlinkReply(type: type, flags: flags, sequence: sequence, body: body))
            rest = rest.dropFirst((length + 3) / 4 * 4)
        }
        return replies
    }

    /// The errno of an error or of a dump's end, 0 for an ack, EBADMSG if it cannot be read; `nil`
    /// for any other message.
    package var errorNumber: CInt? {
        guard type == NetlinkReply.error || type == NetlinkReply.done else { return nil }
        guard let number = body.host(Int32.self) else {
            return type == NetlinkReply.done ? 0 : EBADMSG
        }
        return -4095...0 ~= number ? -number : EBADMSG
    }

    /// The kernel's text about an error (NLMSGERR_ATTR_MSG), if there is any.
    package var errorText: String? {
        guard flags & 0x200 != 0 else { return nil }
        let attributes: ArraySlice<UInt8>
        if type == NetlinkReply.done {
            attributes = body.dropFirst(4)
        } else {
            // The request follows the number: its header alone if NLM_F_CAPPED is set.
            guard let request = body.host(UInt32.self, at: 4) else { return nil }
            let length = flags & 0x100 != 0 ? 16 : Int(request)
            attributes = body.dropFirst(4 + (length + 3) / 4 * 4)
        }
        return Attributes(attributes)[1].map(\.text)
    }
}

/// A list of attributes. A list with a wrong length ends there.
package struct Attributes: Sequence, Sendable {
    package let bytes: ArraySlice<UInt8>

    package init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// The value of the first attribute of a type.
    package subscript(_ type: UInt16) -> ArraySlice<UInt8>? {
        first { $0.type == type }?.value
    }

    /// The list in the first attribute of a type; empty if there is none.
    package func nested(_ type: UInt16) -> Attributes {
        Attributes(self[type] ?? [])
    }

    package func makeIterator() -> Iterator { Iterator(rest: bytes) }

    package struct Iterator: IteratorProtocol {
        fileprivate var rest: ArraySlice<UInt8>

        /// The next attribute. The type is without the flags NLA_F_NESTED and NLA_F_NET_BYTEORDER.
        package mutating func next() -> (type: UInt16, value: ArraySlice<UInt8>)? {
            guard let length = rest.host(UInt16.self).map({ Int($0) }), length >= 4,
                length <= rest.count, let type = rest.host(UInt16.self, at: 2)
            else { return nil }
            let value = rest.prefix(length).dropFirst(4)
            rest = rest.dropFirst((length + 3) / 4 * 4)
            return (type & 0x3fff, value)
        }
    }
}

extension ArraySlice<UInt8> {
    /// A number in host byte order at an offset; `nil` if there are too few bytes.
    package func host<Number: FixedWidthInteger>(
        _: Number.Type = Number.self, at offset: Int = 0
    ) -> Number? {
        let width = Number.bitWidth / 8
        guard offset >= 0, count - offset >= width else { return nil }
        var number: Number = 0
        for place in stride(
            from: startIndex + offset + width - 1, through: startIndex + offset, by: -1)
        {
            number = number << 8 | Number(truncatingIfNeeded: self[place])
        }
        return Number(littleEndian: number)
    }

    /// The same in network byte order.
    package func network<Number: FixedWidthInteger>(
        _: Number.Type = Number.self, at offset: Int = 0
    ) -> Number? {
        host(Number.self, at: offset).map { Number(bigEndian: $0) }
    }

    /// The text before the first NUL. Bytes that are not UTF-8 are repaired.
    package var text: String {
        String(decoding: prefix { $0 != 0 }, as: UTF8.self)
    }
}
