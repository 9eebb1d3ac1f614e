import JSON
import Testing

@Suite struct PointerTests {
    // RFC 6901, section 5, and a slash that is no `Character` of its own.
    @Test(arguments: [
        ("", "/"), ("foo", "/foo"), ("a/b", "/a~1b"), ("m~n", "/m~0n"), ("~1", "/~01"),
        (" ", "/ "), ("c%d", "/c%d"), ("/\u{301}", "/~1\u{301}"),
    ])
    func namesAreEscaped(name: String, text: String) {
        #expect(Array(JSONPointer.root.appending(name).text.utf8) == Array(text.utf8))
    }

    @Test func elementsAreNumbered() {
        #expect(JSONPointer.root.appending("a").appending(3).text == "/a/3")
        #expect(JSONPointer.root.text.isEmpty)
    }
}
