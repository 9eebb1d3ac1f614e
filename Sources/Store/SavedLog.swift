// The write-ahead log on disk (https://www.sqlite.org/fileformat.html, section 4).
//
// SQLite reads a log up to the first frame with a wrong checksum, and silently drops the rest. That
// is right for the torn end that a killed writer leaves. But it loses commits if a frame in the
// middle is damaged, so this code checks the later frames, too.

struct SavedLog {
    /// The last committed version of each page: the offset of its bytes in the log.
    private(set) var newest: [Int: Int] = [:]
    /// The database's number of pages at the last commit; `nil` if there is none.
    private(set) var pageCount: Int?
    /// A fault that SQLite would ignore silently.
    private(set) var fault: String?

    private let file: RawFile?
    /// The offset of every frame's page, including older generations.
    private var pages: [Int] = []
    private var pending: [Int: Int] = [:]
    /// Checksums that the next frame's may continue; empty if the previous frame is unreadable.
    private var seeds: [LogChecksum] = []
    private var badFrame: Int?
    /// The first commit whose frame is damaged.
    private var badCommit: Int?

    static let headSize = 32
    static let frameHead = 24
    static let frameSize = frameHead + Int(Schema.pageSize)

    init(_ path: String) {
        file = RawFile(path)
        guard let file, file.size > 0 else { return }
        let head = file.bytes(at: 0, count: SavedLog.headSize) ?? []
        let isBig = head.count > 3 && head[3] & 1 == 1
        let isWhole = SavedLog.isWhole(head, isBig)
        // The head is written at once and before any frame, so a killed writer never leaves half of
        // it.
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

    /// The two random words of this generation, from the first frame that continues the previous
    /// one.
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
            // An older generation, or a frame with an unreadable head.
            badFrame = badFrame ?? index
            return seeds = []
        }
        // The writer went on, so the commit had ended. Without a later frame the writer may have
        // been killed between its two writes, of a frame's head and of the page.
        if let badCommit { fault = fault ?? "frame \(badCommit + 1) of its log is damaged" }
        let stored = LogChecksum(frame, at: 16)
        let made = seeds.map { LogChecksum(of: frame, after: $0, isBig) }
        guard made.isEmpty || made.contains(stored) else {
            badFrame = badFrame ?? index
            if isCommit { badCommit = badCommit ?? index }
            return seeds = [stored] + made
        }
        seeds = [stored]
        pending[frame.big32(0)] = pages[index]
        guard isCommit else { return }
        // A killed writer leaves no commit after a torn frame.
        if let badFrame { fault = fault ?? "frame \(badFrame + 1) of its log is damaged" }
        newest.merge(pending) { _, new in new }
        pending = [:]
        pageCount = frame.big32(4)
    }

    /// The page at `offset`.
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

    /// The checksum stored at `offset`.
    init(_ bytes: [UInt8], at offset: Int) {
        first = UInt32(bytes.big32(offset))
        second = UInt32(bytes.big32(offset + 4))
    }

    /// The checksum of a frame: the first 8 bytes of its head, and the page.
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
