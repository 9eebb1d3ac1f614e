// What a create needs of the host: what was seen of it, and when it is looked at again.

import Linux
import Testing

@testable import Engine

@Suite struct StandingTests {
    private let second: Int64 = 1_000_000_000

    @Test("nothing is usable before it has been looked at, and nothing is taken for no filter")
    func unseen() {
        let standing = RuntimeStanding()
        #expect(standing.obstacles.map(\.part) == [.shim, .seccomp, .runtime])
        #expect(standing.obstacle == "the shim's program has not been looked at yet")
        #expect(standing.filter.value == nil)
    }

    @Test("each part alone is an obstacle, with its own words", arguments: 0..<3)
    func parts(_ index: Int) {
        var standing = RuntimeStanding.inMemory("/oci")
        #expect(standing.obstacle == nil)
        switch index {
        case 0: standing.shim = .unusable("why")
        case 1: standing.filter = .unusable("why")
        default: standing.runtime = .unusable("why")
        }
        #expect(standing.obstacles.map(\.part) == [RuntimeStanding.Part.allCases[index]])
        #expect(standing.obstacle == "why")
    }

    @Test("one looks at a time; creates that are refused ask again soon, others now and then")
    func due() {
        var standing = RuntimeStanding.inMemory("/oci")
        #expect(!standing.isDue(at: 100 * second), "the first look is the start's")
        let (begins, beginsTwice) = (standing.beginLook(), standing.beginLook())
        #expect(begins && !beginsTwice)
        #expect(!standing.isDue(at: 100 * second))
        standing.endLook(at: second)
        #expect(!standing.isDue(at: 5 * second))
        #expect(standing.isDue(at: 6 * second))
        standing.runtime = .unusable("why")
        #expect(!standing.isDue(at: second + second / 10))
        #expect(standing.isDue(at: second + second / 5))
    }

    @Test("after a failure it is looked at again sooner, then later, and always")
    func pauses() {
        var standing = RuntimeStanding.inMemory("/oci")
        #expect(standing.pause(60_000, at: 0) == 0, "the first look is due at once")
        standing.runtime = .unusable("why")
        var pauses: [Int64] = []
        for time in 1...70 {
            _ = standing.beginLook()
            standing.endLook(at: Int64(time) * second)
            pauses.append(standing.pause(60_000, at: Int64(time) * second))
        }
        #expect(pauses.prefix(8) == [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000])
        #expect(pauses.last == 30_000)
        standing.runtime = RuntimeStanding.inMemory("/oci").runtime
        _ = standing.beginLook()
        standing.endLook(at: 100 * second)
        #expect(standing.pause(60_000, at: 100 * second) == 60_000)
        #expect(standing.pause(60_000, at: 130 * second) == 30_000)
        #expect(standing.pause(60_000, at: 160 * second) == 0)
        standing.runtime = .unusable("why")
        _ = standing.beginLook()
        standing.endLook(at: 101 * second)
        #expect(standing.pause(60_000, at: 101 * second) == 250)
    }
}
