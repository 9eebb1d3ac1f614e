// What the shim keeps of a runtime's output.

import Testing

@testable import Shim

@Suite struct RuntimeWordsTests {
    @Test("the end of a runtime's message is kept, and the other bytes are counted")
    func bounded() {
        var words = RuntimeWords()
        for _ in 0..<5 { words.add([UInt8](repeating: 1, count: 7000)) }
        words.add([2])
        #expect(words.bytes.count == 16384)
        #expect(words.bytes.last == 2)
        #expect(words.dropped == 35001 - 16384)
        words.add([UInt8](repeating: 3, count: 40000))
        #expect(words.bytes == [UInt8](repeating: 3, count: 16384))
        #expect(words.dropped == 75001 - 16384)
    }
}
