// Ids, names and times: the written form can be read, and nothing else can.

import Model
import Testing

@Suite struct UIDs {
    static let times: [Int64] = [0, 1, 1_700_000_000_000, (1 << 48) - 1]

    @Test("our UUIDs have version 7, variant 2 and their time", arguments: times)
    func version7(milliseconds: Int64) {
        let time = Timestamp(milliseconds: milliseconds)
        for random in [(0, 0), (UInt64.max, UInt64.max), (0x5555, 0xaaaa)] {
            let uid = UID(milliseconds: milliseconds, random: random)
            let text = Array("\(uid)")
            #expect(text[14] == "7")
            #expect("89ab".contains(text[19]))
            #expect(uid.time == time)
        }
        #expect(UID.make(at: time).time == time)
    }

    @Test("a UUID of another version has no time", arguments: [0, 1, 4, 6, 8, 15])
    func otherVersions(version: Int) throws {
        let digit = String(version, radix: 16)
        let uid = try #require(UID("00000000-0000-\(digit)000-8000-000000000000"))
        #expect(uid.time == nil)
    }

    @Test("later UUIDs are greater, as values and as text, for any random bits")
    func order() {
        let early = UID(milliseconds: 1000, random: (.max, .max))
        let late = UID(milliseconds: 1001, random: (0, 0))
        #expect(early < late)
        #expect("\(early)" < "\(late)")
        #expect(UID(high: 1, low: 2) < UID(high: 1, low: 3))
        #expect(!(UID(high: 1, low: 3) < UID(high: 1, low: 3)))
    }

    @Test("two UUIDs of the same instant differ")
    func unique() {
        let made = (0..<1000).map { _ in UID.make(at: Timestamp(milliseconds: 1)) }
        #expect(Set(made).count == 1000)
    }

    @Test("a written UUID is read again")
    func roundTrip() {
        var dice = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let uid = UID(high: dice.next(), low: dice.next())
            #expect(UID("\(uid)") == uid)
            #expect(UID("\(uid)".uppercased()) == uid)
        }
        let known = "019abf5e-8d3a-7c11-9a56-3b1f0c2d4e5f"
        #expect(UID(known)?.high == 0x019a_bf5e_8d3a_7c11)
        #expect(UID(known)?.low == 0x9a56_3b1f_0c2d_4e5f)
        #expect(UID(known)?.description == known)
    }

    @Test(
        "only the canonical form is read",
        arguments: [
            "", "019abf5e8d3a7c119a563b1f0c2d4e5f", "{019abf5e-8d3a-7c11-9a56-3b1f0c2d4e5f}",
            "019abf5e-8d3a-7c11-9a56-3b1f0c2d4e5", "019abf5e-8d3a-7c11-9a56-3b1f0c2d4e5f0",
            "019abf5e-8d3a-7c11-9a563-b1f0c2d4e5f", "019abf5e-8d3a-7c11-9a56-3b1f0c2d4e5g",
            " 19abf5e-8d3a-7c11-9a56-3b1f0c2d4e5f", "019abf5e_8d3a_7c11_9a56_3b1f0c2d4e5f",
            "+19abf5e-8d3a-7c11-9a56-3b1f0c2d4e5f", "019abf5e-8d3a-7c11-9a56-3b1f0c2d4é",
        ])
    func notCanonical(text: String) {
        #expect(UID(text) == nil)
    }
}

@Suite struct Timestamps {
    @Test(
        "known times have their known text",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func known(milliseconds: Int64, text: String) {
        #expect(Timestamp(milliseconds: milliseconds).description == text)
        #expect(Timestamp(text) == Timestamp(milliseconds: milliseconds))
    }

    @Test("each day of a thousand years is read back, at its first and last millisecond")
    func centuries() {
        var wrong: [String] = []
        var last = ""
        for day in Int64(-135_140)..<230_000 {  // 1600 to 2599
            for milliseconds in [day * 86_400_000, day * 86_400_000 + 86_399_999] {
                let text = Timestamp(milliseconds: milliseconds).description
                if Timestamp(text)?.milliseconds != milliseconds || text <= last {
                    wrong.append(text)
                }
                last = text
            }
        }
        #expect(wrong == [])
    }

    @Test("1900 and 2100 have no leap day, and 2000 has", arguments: [1900, 2000, 2100])
    func leapDays(year: Int) {
        let isLeap = Timestamp("\(year)-02-29T00:00:00.000Z") != nil
        #expect(isLeap == (year == 2000))
    }

    @Test(
        "other forms of a time are refused",
        arguments: [
            "", "2024-02-30T00:00:00.000Z", "2023-02-29T00:00:00.000Z", "2024-13-01T00:00:00.000Z",
            "2024-00-01T00:00:00.000Z", "2024-01-00T00:00:00.000Z", "2024-01-01T24:00:00.000Z",
            "2024-01-01T00:60:00.000Z", "2024-01-01T00:00:60.000Z", "2024/01/01T00:00:00.000Z",
            "2024-01-01T00.00.00.000Z", "2024-01-01T00:00:00,000Z", "2024-01-01 00:00:00.000Z",
            "2024-01-01T00:00:00.000z", "2024-01-01T00:00:00.00Z", "+024-01-01T00:00:00.000Z",
            "2024-+1-01T00:00:00.000Z", "2024-01-01T-1:00:00.000Z", "2024-01-01T00:00:00Z",
        ])
    func notRead(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("wall-clock times are not comparable")
    func order() {
        let time: Any = Timestamp(milliseconds: 0)
        #expect(!(time is any Comparable))
    }
}

@Suite struct Labels {
    @Test(
        "a DNS label is a name",
        arguments: ["a", "0", "web", "web-1", "a--b", String(repeating: "x", count: 63)])
    func good(text: String) {
        #expect(Label(text)?.text == text)
    }

    @Test(
        "a dot, a slash, a capital letter or a length over 63 is refused",
        arguments: [
            "", "-", "-a", "a-", "A", "a.b", "..", "a/b", "a_b", "a b", "a\0", "a\n", "é", "ａ",
            "a\u{301}", String(repeating: "x", count: 64),
        ])
    func bad(text: String) {
        #expect(Label(text) == nil)
    }

    @Test("each byte is allowed or refused by the rule")
    func everyByte() {
        let allowed = Set("abcdefghijklmnopqrstuvwxyz0123456789-")
        for byte in UInt8(0)...127 {
            let character = Character(UnicodeScalar(byte))
            #expect((Label("a\(character)a") != nil) == allowed.contains(character), "\(byte)")
        }
    }
}
