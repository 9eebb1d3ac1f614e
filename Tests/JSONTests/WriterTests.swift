import Bytes
import JSON
import Testing

@Suite struct WriterTests {
    @Test func commasAreWrittenByTheWriter() {
        var writer = JSONWriter(capacity: 1)
        writer.beginObject()
        writer.key("a")
        writer.beginArray()
        writer.value(1)
        writer.value(UInt64.max)
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.null()
        writer.endArray()
        writer.key("b" as String)
        writer.raw(Array("[true]".utf8))
        writer.key("c")
        writer.value(false)
        writer.endObject()
        let text = #"{"a":[1,18446744073709551615,{},[],null],"b":[true],"c":false}"#
        #expect(string(writer.finish()) == text)
    }

    @Test(
        arguments: [
            (0.0, "0"), (-0.0, "-0"), (1, "1"), (-3, "-3"), (1.5, "1.5"), (0.1, "0.1"),
            (0.001, "0.001"),
            (1e16, "1e+16"), (1e15, "1000000000000000"), (0x1p-1074, "5e-324"),
            (.greatestFiniteMagnitude, "1.7976931348623157e+308"), (.nan, "null"),
            (.infinity, "null"),
        ] as [(Double, String)])
    func doublesAreShort(number: Double, text: String) {
        var writer = JSONWriter()
        writer.value(number)
        #expect(string(writer.finish()) == text)
    }

    @Test func doublesReadBackAsThemselves() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let number = Double(bitPattern: random.next())
            guard number.isFinite else { continue }
            var writer = JSONWriter()
            writer.value(number)
            #expect(try JSONValue.parse(writer.finish().bytes).number == number)
        }
    }

    @Test(arguments: [
        ("\"\\/", #""\"\\/""#), ("\u{8}\t\n\u{c}\r", #""\b\t\n\f\r""#),
        ("\0\u{1f}\u{7f}", "\"\\u0000\\u001f\u{7f}\""), ("é😀\u{2028}", "\"é😀\u{2028}\""),
        ("", "\"\""),
    ])
    func escapesAreThoseOfTheRFC(text: String, json: String) {
        var writer = JSONWriter()
        writer.value(text)
        #expect(string(writer.finish()) == json)
    }

    @Test func everyScalarSurvivesARoundTrip() throws {
        let scalars = (0...0x2ff).compactMap(Unicode.Scalar.init(_:)) + ["\u{ffff}", "\u{10ffff}"]
        for scalar in scalars {
            let text = "a\(scalar)b\(scalar)"
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("k" as String)
            writer.value(text)
            writer.endObject()
            let bytes = writer.finish().bytes
            #expect(try JSONValue.parse(bytes)["k"]?.string?.utf8.elementsEqual(text.utf8) == true)
        }
    }

    @Test func namesAreEscapedToo() throws {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("\"\n" as String)
        writer.value(1)
        writer.endObject()
        #expect(string(writer.finish()) == #"{"\"\n":1}"#)
    }

    @Test func membersAreNamesAndValues() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("text", "t")
        writer.member("none", nil as String?)
        writer.member("map", ["b": "2", "a": "1"])
        writer.member("texts", ["x", "y"])
        writer.object("empty") { _ in }
        writer.object("inner") {
            $0.member("flag", true)
            $0.list("squares", [1, 2, 3]) { $0.value($1 * $1) }
        }
        writer.list("nothing", [] as [Int]) { $0.value($1) }
        writer.endObject()
        let text =
            #"{"text":"t","none":null,"map":{"a":"1","b":"2"},"texts":["x","y"],"empty":{},"#
            + #""inner":{"flag":true,"squares":[1,4,9]},"nothing":[]}"#
        #expect(string(writer.finish()) == text)
    }

    private func string(_ bytes: HeapBytes) -> String {
        String(decoding: bytes.bytes, as: UTF8.self)
    }
}
