// The frames of an exec's stream.

import Kernel
import ShimProtocol
import Testing

@Suite struct StreamFrameTests {
    private func read(
        _ bytes: [UInt8], inChunksOf size: Int
    ) throws(WireFault) -> [StreamFrame.Channel: [UInt8]] {
        var reader = StreamFrameReader()
        var found: [StreamFrame.Channel: [UInt8]] = [:]
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = bytes[start..<min(start + size, bytes.count)]
            try reader.read(chunk) { channel, part in found[channel, default: []] += part }
        }
        return found
    }

    @Test("frames arrive as they were sent, however they are cut", arguments: [1, 3, 8, 9, 1000])
    func arrive(size: Int) throws {
        let one = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        let bytes =
            StreamFrame.frame(.output, one[...]) + StreamFrame.frame(.errors, [])
            + StreamFrame.frame(.errors, one[..<5]) + StreamFrame.frame(.output, one[5...])
            + StreamFrame.frame(.close, [0])
        #expect(bytes.starts(with: [1, 0, 0, 0, 0, 0, 1, 44]))
        let found = try read(bytes, inChunksOf: size)
        #expect(found == [.output: one + one[5...], .errors: Array(one[..<5]), .close: [0]])
    }

    @Test("a reader knows whether a frame is whole")
    func whole() throws {
        var reader = StreamFrameReader()
        for (index, byte) in StreamFrame.frame(.input, [7, 8]).enumerated() {
            #expect(reader.isBetweenFrames == (index == 0))
            try reader.read([byte]) { _, _ in }
        }
        #expect(reader.isBetweenFrames)
    }

    @Test(
        "a frame for no channel, or of more than the most bytes, is a fault",
        arguments: [
            [3, 0, 0, 0, 0, 0, 0, 1], [254, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 16, 0, 1], [0, 0, 0, 0, 255, 255, 255, 255],
        ] as [[UInt8]])
    func faults(bytes: [UInt8]) {
        for size in [1, 8] {
            #expect(throws: WireFault.self) { try read(bytes, inChunksOf: size) }
        }
    }
}

@Suite struct ExecFileTests {
    private let file = ExecFile(
        asRoot: Array("{\"a\":0".utf8), asOther: Array("{\"a\":1".utf8), umask: 18)

    @Test("the file is read as it was written, and a damaged one is a fault")
    func roundTrip() throws {
        let content = file.fileContent()
        #expect(try ExecFile.parse(fileContent: content) == file)
        for count in content.indices {
            #expect(throws: WireFault.self) {
                try ExecFile.parse(fileContent: Array(content.prefix(count)))
            }
        }
        #expect(throws: WireFault.self) { try ExecFile.parse(fileContent: content + [0]) }
    }

    @Test("the process is root's or another user's, and gets its user")
    func document() {
        let root = ResolvedUser(uid: 0, gid: 5, additionalGIDs: [])
        #expect(
            file.document(root)
                == Array(
                    #"{"a":0,"user":{"uid":0,"gid":5,"umask":18,"additionalGids":[]}}"#.utf8))
        let other = ResolvedUser(uid: 7, gid: 0, additionalGIDs: [1, 2])
        #expect(
            file.document(other)
                == Array(
                    #"{"a":1,"user":{"uid":7,"gid":0,"umask":18,"additionalGids":[1,2]}}"#.utf8))
    }

    @Test("the end of an exec is read from the keeper's packet")
    func end() throws {
        for end in Samples.execEnds { #expect(try WireExecEnd.parse(end.packet()) == end) }
        #expect(throws: WireFault.self) { try WireExecEnd.parse([]) }
    }
}
