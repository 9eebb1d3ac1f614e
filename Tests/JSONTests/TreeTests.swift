import JSON
import Testing

@Suite struct TreeTests {
    @Test(
        arguments: [
            "null", "[]", "{}", "-7", "1.5", "\"a\\nb\"",
            #"{"a":[1,true,{"b":null}],"c":"\"","d":{}}"#,
        ])
    func whatWasReadIsWrittenAsItWas(_ text: String) throws {
        let bytes = try JSONValue.parse(Array(text.utf8)).bytes
        #expect(String(decoding: bytes, as: UTF8.self) == text)
    }

    @Test func aMemberIsReplacedInItsPlaceOrAdded() throws {
        let object = try JSONValue.parse(Array(#"{"a":1,"b":2}"#.utf8))
        let changed = object.replacing("a", with: .string("x")).replacing("c", with: .null)
        #expect(String(decoding: changed.bytes, as: UTF8.self) == #"{"a":"x","b":2,"c":null}"#)
    }
}
