import JSON
import Testing

@Suite struct ParseTests {
    @Test(arguments: [
        ("null", JSONValue.null), (" true ", .bool(true)), ("false", .bool(false)),
        ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("1.5", .real(1.5)), ("1e2", .real(100)),
        (#""a\u0000b\ud83d\ude00é""#, .string("a\0b😀é")), ("[]", .array([])), ("{}", .object([])),
        (
            #"{"b":1,"a":[2,{}]}"#,
            .object([
                JSONMember(name: "b", value: .integer(1)),
                JSONMember(name: "a", value: .array([.integer(2), .object([])])),
            ])
        ),
    ])
    func aTextIsItsValue(text: String, value: JSONValue) throws {
        #expect(try JSONValue.parse(Array(text.utf8)) == value)
    }

    @Test(arguments: [
        ("", JSONFault.Kind.empty, ""), (" ", .malformed, ""), ("{} x", .trailingBytes, ""),
        ("{}{}", .trailingBytes, ""), ("{}\0", .trailingBytes, ""), ("1 2", .trailingBytes, ""),
        ("NaN", .malformed, ""), (#"{"a":NaN}"#, .malformed, "/a"),
        ("[Infinity]", .malformed, "/0"),
        ("[1,]", .malformed, ""), ("{\"a\":1,}", .malformed, ""), ("[01]", .malformed, "/0"),
        ("{'a':1}", .malformed, ""), ("\u{feff}{}", .malformed, ""), ("// x", .malformed, ""),
        (#"{"a":1,"a":2}"#, .duplicateMember, "/a"),
        (#"{"a":1,"\u0061":2}"#, .duplicateMember, "/a"),
        (#"{"x":[0,{"y/z":{"k":1,"q":"}]{,\"","k":2}}]}"#, .duplicateMember, "/x/1/y~1z/k"),
        (#"{"a":[1e999]}"#, .numberOutOfRange, "/a/0"),
        (#"{"a":9223372036854775808}"#, .numberOutOfRange, "/a"),
        (#"{"a\u0000":1}"#, .malformed, "/a\0"), (#"["\ud800"]"#, .malformed, "/0"),
        ("[\"a\nb\"]", .malformed, "/0"),
    ])
    func whatIsNoJSONIsRefused(text: String, kind: JSONFault.Kind, pointer: String) {
        let fault = #expect(throws: JSONFault.self) { try JSONValue.parse(Array(text.utf8)) }
        #expect(fault?.kind == kind, "\(String(describing: fault))")
        #expect(fault?.pointer.text == pointer)
        #expect(fault?.detail.isEmpty == false)
    }

    @Test(
        arguments: [
            [0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22],
            [0x22, 0xc3],
            [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], [0xff], [0xfe, 0xff],
        ] as [[UInt8]])
    func textThatIsNotUTF8IsRefused(bytes: [UInt8]) {
        let fault = #expect(throws: JSONFault.self) { try JSONValue.parse(bytes) }
        #expect(fault?.kind == .notUTF8, "\(String(describing: fault))")
    }

    @Test(arguments: [("[", "]"), (#"{"a":"#, "}")])
    func sixtyFourLevelsAreReadAndSixtyFiveAreNot(open: String, close: String) throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((repeated(open, depth) + "1" + repeated(close, depth)).utf8)
        }
        _ = try JSONValue.parse(nested(64))
        let fault = #expect(throws: JSONFault.self) { try JSONValue.parse(nested(65)) }
        #expect(fault?.kind == .tooDeep)
        #expect(fault?.pointer.text == repeated(open == "[" ? "/0" : "/a", 64))
    }

    @Test(arguments: ["[", #"{"a":"#, "[{\"a\":"])
    func hundredThousandLevelsAreRefusedWithoutACrash(open: String) {
        let fault = #expect(throws: JSONFault.self) {
            try JSONValue.parse(Array(repeated(open, 100_000).utf8))
        }
        #expect(fault?.kind == .tooDeep)
    }

    @Test func bracketsInStringsDoNotNest() throws {
        let text = "\"\\\"" + repeated("[{", 100) + "\\\\\""
        _ = try JSONValue.parse(Array(text.utf8))
    }

    @Test func aTextCutShortAnywhereIsRefused() {
        let text = Array(#"{"a":[1,-2.5e3,true,null,"x\ué"],"b":{"c":"\\\""}}"#.utf8)
        let whole = Array(#"{"a":[1,-2.5e3,true,null,"x\u00e9é"],"b":{"c":"\\\""}}"#.utf8)
        #expect(throws: JSONFault.self) { try JSONValue.parse(text) }
        #expect(throws: Never.self) { try JSONValue.parse(whole) }
        for length in 0..<whole.count {
            #expect(throws: JSONFault.self, "\(length)") {
                try JSONValue.parse(Array(whole[..<length]))
            }
        }
    }

    @Test func wholeNumbersMayBeWrittenWithAnExponent() {
        #expect(JSONValue.real(1e9).integer == 1_000_000_000)
        #expect(JSONValue.real(1.5).integer == nil)
        #expect(JSONValue.real(1e19).integer == nil)
        #expect(JSONValue.string("1").integer == nil)
    }

    @Test func stringsAreAllStringsOrNil() throws {
        func strings(_ text: String) throws -> [String]? {
            try JSONValue.parse(Array(text.utf8)).strings
        }
        #expect(try strings(#"["a","b"]"#) == ["a", "b"])
        #expect(try strings("[]") == [])
        #expect(try strings(#"["a",null]"#) == nil)
        #expect(try strings(#""a""#) == nil)
    }
}

private func repeated(_ text: String, _ count: Int) -> String {
    String(repeating: text, count: count)
}
