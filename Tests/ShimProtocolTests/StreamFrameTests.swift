// The frames of an exec's stream.

import Kernel
import ShimProtocol
import Testing

@Suite struct StreamFrameTests {
    private func read(
        _ bytes: [UInt8], inChunksOf size: Int
    ) throws(StreamFault) -> [StreamFrame.Channel: [UInt8]] {
        var reader = StreamFrameReader()
        var found: [StreamFrame.Channel: [UInt8]] = [:]
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = bytes[start..<min(start + size, bytes.count)]
            try reader.read(chunk) { channel, part, _ in found[channel, default: []] += part }
        }
        return found
    }

    @Test("frames arrive as they were sent, however they are cut", arguments: [1, 3, 8, 9, 1000])
    func arrive(size: Int) throws {
        let one = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        let bytes =
            StreamFrame.frame(.output, one[...]) + StreamFrame.frame(.status, [])
            + StreamFrame.frame(.errors, one[..<5]) + StreamFrame.frame(.output, one[5...])
            + StreamFrame.frame(.close, [0])
        #expect(bytes.starts(with: [1, 0, 0, 0, 0, 0, 1, 44]))
        let found = try read(bytes, inChunksOf: size)
        #expect(
            found == [
                .output: one + one[5...], .errors: Array(one[..<5]), .status: [], .close: [0],
            ])
    }

    @Test("a reader knows whether a frame is whole")
    func whole() throws {
        var reader = StreamFrameReader()
        for (index, byte) in StreamFrame.frame(.input, [7, 8]).enumerated() {
            #expect(reader.isBetweenFrames == (index == 0))
            try reader.read([byte]) { _, _, isLast in #expect(isLast == (byte == 8)) }
        }
        #expect(reader.isBetweenFrames)
    }

    @Test(
        "a frame for no channel, or of more than the most bytes, is a fault",
        arguments: [
            [5, 0, 0, 0, 0, 0, 0, 1], [254, 0, 0, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 16, 0, 1], [0, 0, 0, 0, 255, 255, 255, 255],
        ] as [[UInt8]])
    func faults(bytes: [UInt8]) {
        for size in [1, 8] {
            #expect(throws: StreamFault.self) { try read(bytes, inChunksOf: size) }
        }
    }
}

/// The messages of a client, and the statuses that it gets.
@Suite struct StreamReaderTests {
    private func read(
        _ framing: StreamFraming, _ bytes: [UInt8], inChunksOf size: Int
    ) throws(StreamFault) -> [StreamInput] {
        var reader = StreamReader(framing)
        var found: [StreamInput] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            let chunk = bytes[start..<min(start + size, bytes.count)]
            try reader.read(chunk) { input in
                if case .bytes(let more) = input, case .bytes(let before)? = found.last {
                    found[found.count - 1] = .bytes(before + more)
                } else {
                    found.append(input)
                }
            }
        }
        return found
    }

    /// A client's frame, whose length has as many bytes as it needs.
    private func masked(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let mask: [UInt8] = [9, 8, 7, 255]
        let count = payload.count
        let length: [UInt8] =
            count < 126
            ? [UInt8(count) | 0x80]
            : count < 65_536
                ? [0xfe, UInt8(count >> 8), UInt8(count & 255)]
                : [0xff, 0, 0, 0, 0, 0, UInt8(count >> 16), UInt8(count >> 8 & 255)]
                    + [UInt8(count & 255)]
        return [first] + length + mask + payload.enumerated().map { $1 ^ mask[$0 & 3] }
    }

    private static let size = Array(#" {"rows" : 40,"columns":120} "#.utf8)

    private func message(
        _ framing: StreamFraming, _ channel: UInt8, _ payload: [UInt8]
    ) -> [UInt8] {
        framing == .frames
            ? StreamFrame.frame(StreamFrame.Channel(rawValue: channel) ?? .input, payload[...])
            : masked(0x82, [channel] + payload)
    }

    @Test(
        "what a client says arrives, however it is cut", arguments: StreamFraming.allCases,
        [1, 2, 7, 1000, 1 << 20])
    func arrives(_ framing: StreamFraming, _ size: Int) throws {
        let long = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        let bytes =
            message(framing, 0, long) + message(framing, 0, []) + message(framing, 0, [1, 2])
            + message(framing, 4, StreamReaderTests.size) + message(framing, 255, [0])
        #expect(
            try read(framing, bytes, inChunksOf: size) == [
                .bytes((long + [1, 2])[...]), .size(TerminalSize(columns: 120, rows: 40)), .end,
            ])
    }

    @Test("a message is in many frames, with control frames between", arguments: [1, 5, 1000])
    func fragments(size: Int) throws {
        let bytes =
            masked(0x02, []) + masked(0x00, [0]) + masked(0x89, [5, 6]) + masked(0x00, [7])
            + masked(0x8a, [1]) + masked(0x80, [8]) + masked(0x82, []) + masked(0x81, [0, 9])
            + masked(0x88, [3, 232]) + [1, 2, 3]
        #expect(
            try read(.webSocket, bytes, inChunksOf: size) == [
                .ping([5, 6]), .bytes([7, 8, 9]), .closed,
            ])
    }

    static let faults: [([UInt8], UInt16)] = [
        ([0x82, 1, 0, 0, 0, 0], 1002), ([0xc2, 0x81, 0, 0, 0, 0, 0], 1002),
        ([0x83, 0x80, 0, 0, 0, 0], 1002), ([0x80, 0x80, 0, 0, 0, 0], 1002),
        ([0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0], 1002),
        ([0x09, 0x80, 0, 0, 0, 0], 1002), ([0x89, 0xfe, 0, 126, 0, 0, 0, 0], 1002),
        ([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0], 1009),
        ([0x82, 0xff, 0, 0, 0, 0, 0, 16, 0, 1, 0, 0, 0, 0], 1009),
        ([0x82, 0x81, 0, 0, 0, 0, 7], 1002), ([0x82, 0x81, 0, 0, 0, 0, 1], 1002),
        ([0x82, 0x81, 0, 0, 0, 0, 3], 1002), ([0x82, 0x81, 0, 0, 0, 0, 4], 1002),
        ([0x82, 0x82, 0, 0, 0, 0, 255, 1], 1002), ([0x82, 0x81, 0, 0, 0, 0, 255], 1002),
    ]

    @Test("a frame that RFC 6455 or the channels do not allow is a fault", arguments: faults)
    func fault(_ bytes: [UInt8], _ code: UInt16) {
        for size in [1, 100] {
            do throws(StreamFault) {
                let found = try read(.webSocket, bytes, inChunksOf: size)
                Issue.record("read as \(found)")
            } catch { #expect(error.code == code && !error.detail.isEmpty) }
        }
    }

    static let sizes: [(String, TerminalSize?)] = [
        (#"{"columns":1,"rows":65535}"#, TerminalSize(columns: 1, rows: 65535)),
        (#"{"Width":80,"Height":24}"#, TerminalSize(columns: 80, rows: 24)),
        (#"{"columns":1,"rows":65536}"#, nil), (#"{"columns":1}"#, nil), ("{}", nil), ("", nil),
        (#"{"columns":1,"rows":2,"x":3}"#, nil), (#"{"columns":1,"rows":2"#, nil),
        (#"{"columns":1,"rows":2}}"#, nil), (#"{"columns":-1,"rows":2}"#, nil),
        (#"{"columns":"1","rows":2}"#, nil), (#"{"columns":1,"rows":123456789012}"#, nil),
    ]

    @Test("the size of a terminal is two whole numbers", arguments: sizes)
    func size(_ json: String, _ size: TerminalSize?) {
        #expect(TerminalSize(json: Array(json.utf8)) == size)
    }

    static let statuses: [(WireExecEnd.Outcome, String?, String?)] = [
        (
            .exited(code: 0), #"{"id":"x","exitCode":0,"signal":null,"timedOut":true}"#,
            #"{"metadata":{},"status":"Success"}"#
        ),
        (
            .signaled(9), #"{"id":"x","exitCode":null,"signal":"KILL","timedOut":true}"#,
            #"{"metadata":{},"status":"Failure","reason":"NonZeroExitCode","message":"the exec "#
                + #"has ended with exit code 137","details":{"causes":[{"reason":"ExitCode","#
                + #""message":"137"}]}}"#
        ),
        (.unknown, nil, nil), (.failed(.runtime, detail: "no"), nil, nil),
    ]

    @Test("the status is in the client's form", arguments: statuses)
    func status(_ outcome: WireExecEnd.Outcome, _ ours: String?, _ theirs: String?) {
        let end = WireExecEnd(outcome, timedOut: true, startedAt: 1, finishedAt: 2)
        #expect(
            ExecStatus(of: "x", .frames).frames(end)
                == ours.map { StreamFrame.frame(.status, Array($0.utf8)[...]) })
        let framing = StreamFraming.webSocket
        #expect(
            ExecStatus(of: "x", framing).frames(end)
                == theirs.map {
                    framing.frame(.status, Array($0.utf8)[...]) + [0x88, 2, 0x03, 0xe8]
                })
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
