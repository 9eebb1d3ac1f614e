// Text from outside is cut and compared by its bytes.

import Bytes
import Testing

private let mark = "\u{301}"

@Suite struct ByteTextTests {
    @Test("a combining mark after a separator does not hide it, and CRLF ends in a newline")
    func fields() {
        #expect("a,\(mark)b,c".fields(",") == ["a", "\(mark)b", "c"])
        #expect("a\r\nb\r\n".fields("\n") == ["a\r", "b\r"])
        #expect("a::b:".fields(":") == ["a", "b"])
        #expect("a::b:".fields(":", keepingEmpty: true) == ["a", "", "b", ""])
        #expect("a:b:c".fields(":", maxSplits: 1) == ["a", "b:c"])
        #expect("".fields(":").isEmpty)
        #expect("".fields(":", keepingEmpty: true) == [""])
    }

    @Test("prefixes and suffixes are compared as bytes")
    func ends() {
        #expect("/a\(mark)".begins(with: "/a"))
        #expect(!"é".begins(with: "e\(mark)"))
        #expect("/\(mark)x".after("/") == "\(mark)x")
        #expect("abc".after("abd") == nil)
        #expect("abc".before("c") == "ab")
        #expect("abc".before("b") == nil)
        #expect("a/*".ends(with: "/*"))
        #expect(!"a".ends(with: "aa"))
    }

    @Test("text is cut at its first and at its last separator")
    func cuts() throws {
        let first = try #require("k=\(mark)v=w".cut("="))
        #expect(first == ("k", "\(mark)v=w"))
        let last = try #require("k=\(mark)v=w".cutAtLast("="))
        #expect(last == ("k=\(mark)v", "w"))
        #expect("kv".cut("=") == nil)
        #expect("k=\(mark)".upTo("=") == "k")
        #expect("k".upTo("=") == "k")
        #expect("/\(mark)".has("/"))
        #expect(!"k".has("="))
    }

    @Test("two texts are equal if their bytes are equal")
    func same() {
        #expect("é" == "e\(mark)", "Swift's own comparison must not tell, or this proves nothing")
        #expect(!"é".isSame(as: "e\(mark)"))
        #expect(!"\u{212a}ILL".isSame(as: "KILL"))
        #expect("a".isSame(as: "a"))
        #expect(Set([ByteKey("é"), ByteKey("e\(mark)"), ByteKey("é")]).count == 2)
    }

    @Test("only ASCII letters change their case")
    func lowered() { #expect("\u{212a}-ÄBC".lowered == "\u{212a}-Äbc") }

    @Test("a number consists of digits, and fits its type")
    func decimal() {
        #expect("0".utf8.decimal(UInt32.self) == 0)
        #expect("0042".utf8.decimal(UInt32.self) == 42)
        #expect("4294967295".utf8.decimal(UInt32.self) == .max)
        #expect("2147483648".utf8.decimal(Int32.self) == nil)
        for text in ["", "+1", "-1", " 1", "1 ", "1\r", "4294967296", "٣"] {
            #expect(text.utf8.decimal(UInt32.self) == nil)
        }
    }
}
