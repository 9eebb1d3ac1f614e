// A task's log: the current file, and the former ones beside it, which are rotated by their size.
//
// A former file is named after its number, which only grows: a reader of `app.7.log` goes on in
// `app.8.log`, or in `app.log` if no such file exists. So a reader can neither miss nor repeat a
// line, whenever the rotation comes.

import Bytes
import Kernel
import Linux
import ShimProtocol

struct LogFiles: ~Copyable {
    private let home: LogHome
    private let limits: LogLimits
    private var file: LogFile?
    /// CLOCK_BOOTTIME in nanoseconds of the last look whether the file still has its name.
    private var lookedAt: Int64 = 0
    /// The numbers of the former files, in ascending order; `nil` if they were not listed yet.
    private var numbers: [UInt64]?

    init(_ home: LogHome, _ limits: LogLimits) {
        self.home = home
        self.limits = limits
    }

    /// Opens the file if that is due. Returns `true` if it was opened, and ends in the middle of a
    /// line.
    mutating func open() -> Bool {
        let now = SystemClock.sinceBoot
        if let file {
            // A client's file goes on until the client asks for another: the client may rename it,
            // and then rename it back.
            guard case .own(let names) = home, now - lookedAt >= 1_000_000_000 else { return false }
            lookedAt = now
            // If another program has removed or renamed it, the log goes on under its name.
            if file.has(names.current) { return false }
        }
        lookedAt = now
        file = opened()
        return file?.isTorn ?? false
    }

    private borrowing func opened() -> LogFile? {
        do throws(FileRefused) { return try LogFile(home) } catch { return nil }
    }

    /// Opens the file that has the name now, and goes on in it. Returns whether that ends in the
    /// middle of a line. If it fails, the log goes on in the former file.
    mutating func reopen() throws(FileRefused) -> Bool {
        let opened = try LogFile(home)
        file = opened
        return opened.isTorn
    }

    /// How many bytes the current file takes before its rotation.
    var room: Int {
        guard case .own = home else { return .max }
        guard let file else { return limits.maxSize }
        return max(0, limits.maxSize - file.size)
    }

    /// Whether it is time to rotate. The parts of a line stay in one file, if they fit into two.
    func isFull(isMidLine: Bool) -> Bool {
        guard case .own = home, let file else { return false }
        return file.size >= (isMidLine ? 2 * limits.maxSize : limits.maxSize)
    }

    /// Returns how many bytes the file did not take.
    borrowing func write(_ bytes: ArraySlice<UInt8>) -> Int {
        guard let file else { return bytes.count }
        return file.write(bytes)
    }

    /// Gives the file its number, begins the next one, and removes the oldest. If that fails, the
    /// log goes on in the same file, and the next batch tries again.
    mutating func rotate() {
        guard case .own(let names) = home else { return }
        ignoring("the log goes on in the same file") { () throws(SystemCallFailure) in
            if numbers == nil { numbers = try names.numbers() }
            let number = (numbers?.last ?? 0) + 1
            try Files.rename(names.current, to: names.path(number))
            numbers?.append(number)
            file = nil
            file = opened()
            while let oldest = numbers?.first, numbers?.count ?? 0 >= limits.maxFiles {
                try Files.removeFile(names.path(oldest))
                numbers?.removeFirst()
            }
        }
    }
}

private final class LogFile {
    private let descriptor: OwnedDescriptor
    private let identity: FileIdentity
    private(set) var size: Int
    /// It ends in the middle of a line.
    let isTorn: Bool

    init(_ home: LogHome) throws(FileRefused) {
        let descriptor = try home.open()
        do throws(SystemCallFailure) {
            let status = try descriptor.status()
            (identity, size) = (status.identity, status.size)
            isTorn = size > 0 ? try descriptor.read(at: size - 1, limit: 1) != [10] : false
        } catch { throw FileRefused(error) }
        self.descriptor = descriptor
    }

    func has(_ name: String) -> Bool {
        do throws(SystemCallFailure) {
            return try Files.status(name)?.identity == identity
        } catch { return true }  // it cannot be looked at now
    }

    func write(_ bytes: ArraySlice<UInt8>) -> Int {
        var rest = bytes
        do throws(SystemCallFailure) {
            while !rest.isEmpty { rest = rest.dropFirst(try descriptor.write(rest)) }
        } catch {}
        size += bytes.count - rest.count
        return rest.count
    }
}
