//  Checks of a request's head that libmicrohttpd does not make. It reads only the first
//  Content-Length, and reads a body of an unknown transfer coding until the connection ends.
//  Another reader, such as a proxy, may see another request behind it (request smuggling). So the
//  server refuses such a head, and the connection ends after the answer.

import Bytes

enum RequestHead {
    /// The refusal that RFC 9110 and RFC 9112 require; `nil` if the head is unambiguous.
    static func fault(of headers: HeaderList, isOld: Bool) -> HTTPRefusal? {
        // RFC 9112, section 5.1: MHD keeps a space before the colon as a part of the name.
        guard headers.allSatisfy({ isToken($0.name) }) else {
            return .malformedHead("the name of a header is no token")
        }
        // RFC 9112, section 3.2.
        guard values("Host", in: headers).count <= 1 else {
            return .malformedHead("there is more than one Host")
        }
        let lengths = values("Content-Length", in: headers)
        guard lengths.allSatisfy({ $0.isSame(as: lengths[0]) }) else {
            return .malformedHead("the Content-Length headers differ")
        }
        let codings = values("Transfer-Encoding", in: headers)
        if codings.isEmpty { return nil }
        // RFC 9112, section 6.1: either is an error or an attack.
        guard !isOld, lengths.isEmpty else {
            let other = isOld ? "HTTP/1.0" : "a Content-Length"
            return .malformedHead("there is a Transfer-Encoding with \(other)")
        }
        guard names(codings).allSatisfy({ $0 == "chunked" }) else {
            return .unknownTransferCoding
        }
        // Section 7.1: `chunked` occurs once. The raw value is compared, because libmicrohttpd
        // compares it too: with a trailing space the body would last until the connection ends.
        guard codings.count == 1, codings[0].lowered == "chunked" else {
            return .malformedHead("the Transfer-Encoding is not chunked, once and alone")
        }
        return nil
    }

    private static func values(_ name: String, in headers: HeaderList) -> [String] {
        headers.filter { isSameHeader($0.name, name) }.map(\.value)
    }

    /// The members of all lists, in lower case, with their parameters.
    private static func names(_ codings: [String]) -> [String] {
        codings.flatMap { $0.fields(",") }
            .map { $0.fields(" ").flatMap { $0.fields("\t") }.joined(separator: " ").lowered }
            .filter { !$0.isEmpty }
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: marks.contains(byte)
                }
            }
    }

    private static let marks = Set("!#$%&'*+-.^_`|~".utf8)
}
