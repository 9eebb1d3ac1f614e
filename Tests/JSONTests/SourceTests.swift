// Values with their bytes and their lines.

import JSON
import Testing

@Suite struct SourceTests {
    private func source(_ text: String) throws -> JSONSource {
        try JSONSource.parse(Array(text.utf8))
    }

    private func text(_ source: JSONSource) -> String {
        String(decoding: source.text, as: UTF8.self)
    }

    @Test("a value's bytes are those of the text, numbers included")
    func bytes() throws {
        let whole = try source(
            #" {"a" : 1.50 , "b":[ {"c,}":"x\"]"} ,2E1], "d" :{ } , "e":"" } "#)
        #expect(whole.members.map(\.name) == ["a", "b", "d", "e"])
        #expect(
            whole.members.map { text($0.source) }
                == ["1.50", #"[ {"c,}":"x\"]"} ,2E1]"#, "{ }", #""""#])
        let elements = try #require(whole["b"]).elements
        #expect(elements.map(text) == [#"{"c,}":"x\"]"}"#, "2E1"])
        #expect(elements.map(\.pointer.text) == ["/b/0", "/b/1"])
        #expect(elements[0]["c,}"].map(text) == #""x\"]""#)
    }

    @Test("an empty object or array has no parts", arguments: ["{}", "[]", "{ \n }", "[\t]", "7"])
    func empty(_ written: String) throws {
        let whole = try source(written)
        #expect(whole.members.isEmpty && whole.elements.isEmpty)
        #expect(text(whole) == written)
    }

    @Test("a value knows its line, and a fault its line")
    func lines() throws {
        let whole = try source("\n{\n\"a\":\n[1,\n2]}")
        #expect(whole.line == 2)
        #expect(whole["a"]?.line == 4)
        #expect(whole["a"]?.elements.map(\.line) == [4, 5])
        let fault = #expect(throws: JSONFault.self) { try source("{\n\"a\" 1}") }
        #expect(fault?.line == 2)
        let deep = "\n" + String(repeating: "[", count: 70)
        #expect(#expect(throws: JSONFault.self) { try source(deep) }?.line == 2)
    }
}
