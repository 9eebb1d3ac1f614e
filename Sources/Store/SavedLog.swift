// The write-ahead log as it lies on disk (https://www.sqlite.org/fileformat.html, section 4).
//
// SQLite reads a log up to the first frame whose checksum is wrong and forgets the rest without a
// word: that is right for the torn end that a killed writer leaves, and loses commits where a frame
// in the middle was damaged. Here the frames behind it are looked at, too.

struct SavedLog {
    /// The last committed version of each page: where its bytes start in the log.
    private(set) var newest: [Int: Int] = [:]
    /// How many pages the database has, as the last commit says; `nil` where there is none.
    private(set) var pageCount: Int?
    /// What SQLite would pass over in silence.
    private(set) var fault: String?

    private let file: RawFile?
    /// Where every frame's page starts, older generations included.
    private var pages: [Int] = []
    private var pending: [Int: Int] = [:]
    /// Checksums from which the next frame's may go on; none where the one before is unreadable.
    private var seeds: [LogChecksum] = []
    private var badFrame: Int?

    static let headSize = 32
    static let frameHead = 24
    static let frameSize = frameHead + Int(Schema.pageSize)

    init(_ path: String) {
        file = RawFile(path)
        guard let file, file.size > 0 else { return }
        let head = file.bytes(at: 0, count: SavedLog.headSize) ?? []
        let isBig = head.count > 3 && head[3] & 1 == 1
        let isWhole = SavedLog.isWhole(head, isBig)
        // A head is written at once and before any frame: a killed writer does not leave half of
        // one.
        if !isWhole { fault = "the head of its log is damaged" }
        let count = (file.size - SavedLog.headSize) / SavedLog.frameSize
        pages = (0..<max(0, count)).map {
            SavedLog.headSize + $0 * SavedLog.frameSize + SavedLog.frameHead
        }
        if isWhole { seeds = [LogChecksum(head, at: 24)] }
        guard let salt = isWhole ? head.big64(16) : commonSalt(isBig) else { return }
        for index in pages.indices { take(index, salt: salt, isBig: isBig) }
    }

    private static func isWhole(_ head: [UInt8], _ isBig: Bool) -> Bool {
        guard head.count == headSize, head.big32(0) | 1 == 0x377f_0683, head.big32(4) == 3_007_000,
            head.big32(8) == Int(Schema.pageSize)
        else { return false }
        return LogChecksum(first: 0, second: 0).adding(head[..<24], isBig)
            == LogChecksum(head, at: 24)
    }

    private func frame(_ index: Int) -> [UInt8]? {
        file?.bytes(at: pages[index] - SavedLog.frameHead, count: SavedLog.frameSize)
    }

    /// The two random words of this generation, from the first frame that fits the one before it.
    private func commonSalt(_ isBig: Bool) -> Int? {
        var before: [UInt8]?
        for index in pages.indices {
            guard let frame = frame(index) else { return nil }
            if let before,
                LogChecksum(of: frame, after: LogChecksum(before, at: 16), isBig)
                    == LogChecksum(frame, at: 16)
            {
                return frame.big64(8)
            }
            before = frame
        }
        return before?.big64(8)
    }

    private mutating func take(_ index: Int, salt: Int, isBig: Bool) {
        guard let frame = frame(index) else { return }
        let isCommit = frame.big32(4) != 0
        guard frame.big64(8) == salt else {
            // An older generation, or a frame without a legible head.
            badFrame = badFrame ?? index
            return seeds = []
        }
        let stored = LogChecksum(frame, at: 16)
        let made = seeds.map { LogChecksum(of: frame, after: $0, isBig) }
        guard made.isEmpty || made.contains(stored) else {
            badFrame = badFrame ?? index
            // A commit that was announced and is not there: acknowledged, for all that one can see.
            if isCommit { fault = fault ?? "frame \(index + 1) of its log is damaged" }
            return seeds = [stored] + made
        }
        seeds = [stored]
        pending[frame.big32(0)] = pages[index]
        guard isCommit else { return }
        // A killed writer leaves no commit behind a torn frame.
        if let badFrame { fault = fault ?? "frame \(badFrame + 1) of its log is damaged" }
        newest.merge(pending) { _, new in new }
        pending = [:]
        pageCount = frame.big32(4)
    }

    /// The page whose bytes start at `offset`.
    func page(at offset: Int) -> [UInt8]? {
        file?.bytes(at: offset, count: Int(Schema.pageSize))
    }
}

/// The running checksum of a log.
struct LogChecksum: Equatable {
    var first: UInt32
    var second: UInt32

    init(first: UInt32, second: UInt32) {
        self.first = first
        self.second = second
    }

    /// The one that stands at `offset`.
    init(_ bytes: [UInt8], at offset: Int) {
        first = UInt32(bytes.big32(offset))
        second = UInt32(bytes.big32(offset + 4))
    }

    /// Of a frame: the first 8 bytes of its head, and the page.
    init(of frame: [UInt8], after seed: LogChecksum, _ isBig: Bool) {
        self = seed.adding(frame[..<8], isBig).adding(frame[SavedLog.frameHead...], isBig)
    }

    func adding(_ bytes: ArraySlice<UInt8>, _ isBig: Bool) -> LogChecksum {
        var sum = self
        for start in stride(from: bytes.startIndex, to: bytes.endIndex, by: 8) {
            sum.first &+= LogChecksum.word(bytes, start, isBig) &+ sum.second
            sum.second &+= LogChecksum.word(bytes, start + 4, isBig) &+ sum.first
        }
        return sum
    }

    private static func word(_ bytes: ArraySlice<UInt8>, _ at: Int, _ isBig: Bool) -> UInt32 {
        let high = UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16
        let word = high | UInt32(bytes[at + 2]) << 8 | UInt32(bytes[at + 3])
        return isBig ? word : word.byteSwapped
    }
}

extension [UInt8] {
    fileprivate func big64(_ offset: Int) -> Int { big32(offset) << 32 | big32(offset + 4) }
}
