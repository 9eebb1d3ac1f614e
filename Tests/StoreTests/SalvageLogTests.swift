// A damaged log beside a store. SQLite would silently drop everything after the fault.

import Foundation
import Testing

@testable import Store

extension SalvageTests {
    @Suite struct Log {
        static let specimen = Result { try Specimen(isClosed: false) }
        let specimen: Specimen
        let salvage = try? SalvageTests()
        init() throws { specimen = try Log.specimen.get() }

        func expectSalvage(
            _ log: [UInt8], touched: Set<[UInt8]>, isDamage: Bool?, _ what: String
        ) throws {
            try #require(salvage).expectSalvage(
                specimen.file, log: log, of: specimen, touched: touched, isDamage: isDamage, what)
        }

        func frames(_ range: some Sequence<Int>) -> Set<[UInt8]> {
            range.reduce(into: []) { $0.formUnion(specimen.inFrame[$1]) }
        }

        @Test func aWholeLogIsReadAsItIs() throws {
            try #require(specimen.inFrame.count > 50)
            try #require(specimen.endsCommit.count > specimen.inFrame.count, "no older frames")
            try #require(specimen.rows.count == 57 * 15)
            let scratch = try Scratch()
            try scratch.write(specimen.file)
            try scratch.write(specimen.log, "-wal")
            let (found, damage) = try #require(salvage).opened(scratch)
            #expect(damage == nil && found.rows == specimen.rows)
        }

        /// The frame, and the earlier frames of the same commit.
        func commit(of frame: Int) -> Range<Int> {
            (specimen.endsCommit[..<frame].lastIndex(of: true) ?? -1) + 1..<frame + 1
        }

        /// A cut log cannot be distinguished from a log whose writer was killed: both give an
        /// earlier state, as the head of `Store.swift` explains. There is no crash, and nothing
        /// before the cut is lost.
        @Test func aLogThatWasCutOffIsAnEarlierState() throws {
            for frame in places(specimen.inFrame.indices, every: 20) {
                for odd in [0, 24, 3000] {
                    let length = SavedLog.headSize + frame * SavedLog.frameSize + odd
                    let scratch = try Scratch()
                    try scratch.write(specimen.file)
                    try scratch.write(Array(specimen.log[..<length]), "-wal")
                    let (found, damage) = try #require(salvage).opened(scratch)
                    #expect(damage == nil, "\(length) bytes")
                    let lost = Set(specimen.rows.keys).subtracting(found.rows.keys)
                    let cut = commit(of: frame).lowerBound..<specimen.inFrame.count
                    #expect(lost.isSubset(of: frames(cut)), "\(length) bytes")
                }
            }
        }

        @Test(arguments: [1, 17, 31])
        func aLogWithoutItsHeadIsRead(length: Int) throws {
            var log = specimen.log
            for index in 0..<length { log[index] ^= 0x5a }
            try expectSalvage(log, touched: [], isDamage: true, "head \(length)")
        }

        @Test func aStumpOfALogIsSetAside() throws {
            let scratch = try Scratch()
            try scratch.write(specimen.file)
            try scratch.write([7, 7, 7], "-wal")
            let (found, damage) = try #require(salvage).opened(scratch)
            let folded = Set(specimen.rows(onPages: 1...specimen.pageCount))
            #expect(folded.subtracting(found.rows.keys).isEmpty)
            #expect(damage?.revision == found.revision && found.hasMargin(over: 500))
        }

        /// Parts of a frame, and the whole frame.
        @Test(arguments: [0..<24, 8..<16, 16..<24, 100..<200, 0..<SavedLog.frameSize])
        func aScrambledFrameLosesOnlyItsOwnRows(bytes: Range<Int>) throws {
            var dice = Dice(state: UInt64(bytes.count))
            // The last commit looks as if its writer had been killed between the writes of a
            // frame's head and of its page. No damage is reported, and all of the commit is gone.
            for frame in places(specimen.inFrame.indices, every: 23)
                + specimen.inFrame.indices.suffix(12)
            {
                var log = specimen.log
                let start = SavedLog.headSize + frame * SavedLog.frameSize + bytes.lowerBound
                log.replaceSubrange(start..<start + bytes.count, with: dice.bytes(bytes.count))
                let isLast = frame == specimen.inFrame.count - 1
                try expectSalvage(
                    log, touched: isLast ? frames(commit(of: frame)) : frames([frame]),
                    isDamage: !isLast, "frame \(frame + 1)")
            }
            var log = specimen.log
            log.replaceSubrange(log.count - 4000..<log.count - 100, with: dice.bytes(3900))
            try expectSalvage(log, touched: [], isDamage: false, "an older generation")
        }

        @Test func aStoreThatIsGoneIsReadFromItsLog() throws {
            let scratch = try Scratch()
            try scratch.write(specimen.log, "-wal")
            let (found, damage) = try #require(salvage).opened(scratch)
            #expect(damage?.setAside.hasSuffix(".damaged-1") == true)
            #expect(frames(specimen.inFrame.indices).isSubset(of: Set(specimen.rows.keys)))
            #expect(found.rows.count > 50)
            #expect(found.revision >= specimen.revision)
        }

        @Test func aDamagedFileWithAWholeLogKeepsTheLogsRows() throws {
            var dice = Dice(state: 5)
            for page in places(1..<specimen.pageCount + 1, every: 17) {
                var file = specimen.file
                let start = (page - 1) * Specimen.pageSize
                file.replaceSubrange(start..<start + Specimen.pageSize, with: dice.bytes(4096))
                try #require(salvage).expectSalvage(
                    file, log: specimen.log, of: specimen,
                    touched: specimen.rows(onPages: [page]), isDamage: nil, "page \(page)")
            }
        }
    }
}

extension SalvageTests.Found {
    func hasMargin(over lowest: UInt64) -> Bool { revision >= lowest + Salvage.margin }
}
