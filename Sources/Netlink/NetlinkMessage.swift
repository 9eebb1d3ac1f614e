// Writes netlink messages: a header, a fixed structure, and attributes (netlink(7)).
//
// Numbers are in host byte order, unless a function says network order.

import Kernel

/// One request to the kernel.
package struct NetlinkMessage: Sendable {
    /// Flags of a request (NLM_F_…).
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        static let request = Flags(rawValue: 0x01)
        static let ack = Flags(rawValue: 0x04)
        /// NLM_F_ROOT | NLM_F_MATCH.
        static let dump = Flags(rawValue: 0x300)
        /// Of a request to create something: what exists is EEXIST.
        static let exclusive = Flags(rawValue: 0x200)
        static let create = Flags(rawValue: 0x400)
        /// NLM_F_APPEND.
        static let append = Flags(rawValue: 0x800)
    }

    /// The name of the request, such as `RTM_NEWLINK`, and its object, for a failure.
    let call: String
    let subject: String
    let type: UInt16
    var flags: Flags
    /// The fixed structure and the attributes.
    private(set) var body: [UInt8]

    init(_ call: String, _ type: UInt16, _ subject: String, _ flags: Flags = [], _ body: [UInt8]) {
        self.call = call
        self.subject = subject
        self.type = type
        self.flags = flags.union(.request)
        self.body = body
    }

    /// The same, with an ack also if it succeeds.
    var acknowledged: NetlinkMessage {
        var message = self
        message.flags.formUnion(.ack)
        return message
    }

    /// Its length on the wire, padded to four bytes.
    var length: Int { 16 + (body.count + 3) / 4 * 4 }

    /// Appends it as it is sent.
    func write(to bytes: inout [UInt8], sequence: UInt32) {
        bytes.append(host: UInt32(16 + body.count))
        bytes.append(host: type)
        bytes.append(host: flags.rawValue)
        bytes.append(host: sequence)
        bytes.append(host: 0 as UInt32)
        bytes += body
        bytes.pad()
    }

    func failure(_ errno: CInt, _ detail: String? = nil) -> SystemCallFailure {
        SystemCallFailure(
            call: call, subject: detail.map { "\(subject) (\($0))" } ?? subject, errno: errno)
    }
}

/// A list of attributes: each is a length, a type and a value, padded to four bytes.
struct AttributeWriter {
    private(set) var bytes: [UInt8] = []

    /// The longest value: an attribute's length, which counts its header, has 16 bits.
    static let longestValue = 65_531

    mutating func put(_ type: UInt16, _ value: [UInt8]) {
        precondition(value.count <= AttributeWriter.longestValue, "a value is too long")
        bytes.append(host: UInt16(4 + value.count))
        bytes.append(host: type)
        bytes += value
        bytes.pad()
    }

    mutating func put(_ type: UInt16, host number: UInt32) {
        put(type, [UInt8](host: number))
    }

    mutating func put(_ type: UInt16, network number: UInt32) {
        put(type, [UInt8](network: number))
    }

    /// With a final NUL.
    mutating func put(_ type: UInt16, text: String) { put(type, Array(text.utf8) + [0]) }

    /// A nested list, after `head`.
    mutating func nest(
        _ type: UInt16, head: [UInt8] = [], _ write: (inout AttributeWriter) -> Void
    ) {
        var inner = AttributeWriter()
        write(&inner)
        put(type | 0x8000, head + inner.bytes)
    }
}

extension NetlinkMessage {
    mutating func attributes(_ write: (inout AttributeWriter) -> Void) {
        var writer = AttributeWriter()
        write(&writer)
        append(writer)
    }

    mutating func append(_ list: AttributeWriter) {
        body.pad()
        body += list.bytes
    }
}

extension [UInt8] {
    init<Number: FixedWidthInteger>(host number: Number) {
        self.init()
        append(host: number)
    }

    /// In network byte order.
    init<Number: FixedWidthInteger>(network number: Number) {
        self.init(host: number.bigEndian)
    }

    mutating func append<Number: FixedWidthInteger>(host number: Number) {
        let low = number.littleEndian
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: low >> Number(shift)))
        }
    }

    mutating func pad(to multiple: Int = 4) {
        while count % multiple != 0 { append(0) }
    }
}
