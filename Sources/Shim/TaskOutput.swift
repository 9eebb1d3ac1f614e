// A task's output: the shim passes it on unread, and a helper writes it, because only a helper may
// wait for a disk. The helper also cuts it into lines. It runs in a cgroup of the pod, so that the
// work that a task causes is charged to its pod.
//
// A slow log disk makes the task wait for a second at most. After that the shim drops and counts
// output. The count is logged when the disk takes something again. So neither the task's end nor
// the pod's delete ever depends on that disk.

import Kernel
import Linux
import ShimProtocol

final class TaskOutput {
    /// Nanoseconds without progress of the writer after which output is dropped.
    private static let patience: Int64 = 1_000_000_000
    /// Nanoseconds for which a stream with tiny pieces is not read, so that a task cannot wake the
    /// shim with each byte.
    private static let rest: Int64 = 2_000_000
    /// The size from which a piece does not count as tiny, in bytes.
    private static let piece = 16384

    private unowned let shim: Shim
    private unowned let slot: TaskSlot
    private var streams: [OutputStream]
    /// The runtime's output; `nil` when the task's program may have written something.
    private var printed: RuntimeWords? = RuntimeWords()
    /// The last stream is at its end, and is kept until the runtime is reaped.
    private var endsLater = false
    /// The pipe that tells the writer what was dropped, and at which position.
    private var notes: PipeEnd?
    /// The helper's pid, until it has been reaped.
    private(set) var writer: Int32?
    /// The writer was killed for good, and is not reaped yet.
    private(set) var isKilled = false
    /// CLOCK_BOOTTIME in nanoseconds of the last attempt to start a writer.
    private var triedAt: Int64 = 0
    private var isDropping = false
    /// CLOCK_BOOTTIME in nanoseconds after which output is dropped; `nil` if the writer keeps up.
    private var givesUpAt: Int64?

    /// Adopts the reading ends of a task's standard output and error.
    init(
        _ slot: TaskSlot, shim: Shim, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor
    ) throws(SystemCallFailure) {
        self.slot = slot
        self.shim = shim
        streams = [OutputStream(0, output), OutputStream(1, errors)]
        for stream in streams {
            try stream.source.setNonblocking()
            try watch(stream)
        }
    }

    func owns(_ number: CInt) -> Bool {
        streams.contains { $0.source.number == number || $0.target?.descriptor.number == number }
    }

    /// CLOCK_BOOTTIME in nanoseconds of the next timer.
    var nextTimer: Int64? {
        let next = streams.reduce(givesUpAt ?? .max) { min($0, $1.restsUntil ?? .max) }
        return next == .max ? nil : next
    }

    func fireTimers(_ now: Int64) {
        // No progress for too long: output is dropped from now on.
        if let givesUpAt, givesUpAt <= now { drop() }
        for stream in streams {
            guard let rest = stream.restsUntil, rest <= now else { continue }
            stream.restsUntil = nil
            watchAgain(stream)
        }
    }

    /// Reads what a stream has; closes the stream at its end.
    func readable(_ number: CInt) {
        guard let stream = streams.first(where: { $0.source.number == number }) else { return }
        if stream.source.pendingBytes == 0 {
            if stream.discard() == 0 { end(stream) }
            return
        }
        printed == nil ? take(stream) : hear(stream)
    }

    private func take(_ stream: OutputStream) {
        if isDropping && writer == nil { takeUpAgain() }
        if !isDropping { startWriterIfNeeded() }
        isDropping ? drop(from: stream) : move(stream)
    }

    /// Keeps the end of the runtime's output, and logs nothing. From the first piece that the
    /// program may have written, everything is the task's.
    private func hear(_ stream: OutputStream) {
        guard let more = stream.read(atMost: TaskOutput.piece) else { return }
        if more.isEmpty { return end(stream) }
        // Checked after the read, so that it covers all bytes that were read.
        guard !shim.onlyRuntimeWrote(slot) else {
            printed?.add(more)
            return pace(stream, more.count)
        }
        printed = nil
        startWriterIfNeeded()
        stream.give(more)
        take(stream)
    }

    /// If the program could not be executed, it has no output: its init's message about that is
    /// logged.
    private func logWhyNeverRan() {
        guard let words = printed, shim.neverRan(slot), let stream = streams.last else { return }
        printed = nil
        if words.bytes.isEmpty { return }
        startWriterIfNeeded()
        stream.dropped += words.dropped
        note(stream)
        stream.give(words.bytes)
    }

    /// The runtime has failed: returns its output and closes the streams. Reads at most what a pipe
    /// holds, because other processes may keep writing.
    func closeAfterRuntime() -> RuntimeWords {
        var words = printed ?? RuntimeWords()
        for stream in streams {
            for _ in 0..<64 {
                guard stream.source.pendingBytes > 0,
                    let more = stream.read(atMost: TaskOutput.piece)
                else { break }
                words.add(more)
            }
        }
        close()
        return words
    }

    private func end(_ stream: OutputStream) {
        if streams.count == 1 {
            // Whose the words are is unknown until the runtime is reaped.
            if printed != nil, slot.process == nil, slot.job?.kind == .create {
                endsLater = true
                return unwatch(stream)
            }
            logWhyNeverRan()
        }
        if stream.isWatched { shim.epoll.remove(stream.source.number) }
        stream.target?.unwatch(shim)
        note(stream)
        streams.removeAll { $0 === stream }
        if streams.isEmpty { notes = nil }
    }

    /// Gives the writer as much as it has room for.
    private func move(_ stream: OutputStream) {
        var moved = 0
        do throws(SystemCallFailure) {
            while moved < 16 * TaskOutput.piece {
                guard let count = try stream.move() else {
                    if stream.source.pendingBytes > 0 { return wait(for: stream) }
                    break
                }
                if count == 0 { return end(stream) }
                moved += count
                givesUpAt = nil
            }
        } catch { return drop() }  // the writer is gone: EPIPE
        pace(stream, moved)
    }

    private func drop(from stream: OutputStream) {
        guard let count = stream.discard() else { return }
        if count == 0 { return end(stream) }
        stream.dropped += UInt64(count)
        pace(stream, count)
    }

    private func pace(_ stream: OutputStream, _ count: Int) {
        let now = SystemClock.sinceBoot
        defer { stream.movedAt = now }
        guard count < TaskOutput.piece, now - stream.movedAt < TaskOutput.rest else { return }
        stream.restsUntil = now + TaskOutput.rest
        unwatch(stream)
    }

    /// The writer could not be started, or was killed: tries again once a second.
    private func takeUpAgain() {
        let now = SystemClock.sinceBoot
        guard now - triedAt >= 1_000_000_000 else { return }
        triedAt = now
        isDropping = false
    }

    /// Starts the writer with the first output: a silent task has no writer.
    private func startWriterIfNeeded() {
        guard notes == nil, writer == nil else { return }
        do throws(SystemCallFailure) {
            let noting = try LogPipe(size: nil)
            let pipes = try streams.map { (_) throws(SystemCallFailure) in
                try LogPipe(size: 1 << 20)
            }
            let inputs = zip(streams, pipes).map { ($0.number, $1.reading.number) }
            let (paths, hierarchies) = (slot.paths, shim.hierarchies)
            let noted = noting.reading.number
            // The log's disk is mounted on the host, not in the sandbox.
            writer = try forkHelper(
                keeping: [noted] + inputs.map(\.1), mounts: shim.hostMounts.number
            ) {
                LogCgroup(paths, hierarchies).enter()
                return LogWriter(path: paths.log, notes: noted, inputs: inputs).run()
            }
            for (stream, pipe) in zip(streams, pipes) { stream.begin(pipe.end) }
            notes = noting.end
            for stream in streams { note(stream) }
        } catch { drop() }
    }

    /// Tells the writer how much of a stream was dropped, and after how many bytes. If the note
    /// does not fit now, the count goes into the next note.
    private func note(_ stream: OutputStream) {
        guard stream.dropped > 0, let notes else { return }
        let record = LogNote(
            stream: stream.number, position: stream.moved, dropped: stream.dropped)
        ignoring("the count is kept") { () throws(SystemCallFailure) in
            if try notes.descriptor.write(record.bytes[...]) > 0 { stream.dropped = 0 }
        }
    }

    /// The writer's pipe is full: the task has to wait too, until the patience ends.
    private func wait(for stream: OutputStream) {
        if givesUpAt == nil { givesUpAt = SystemClock.sinceBoot + TaskOutput.patience }
        stream.target?.watch(shim)
        unwatch(stream)
    }

    private func watch(_ stream: OutputStream) throws(SystemCallFailure) {
        let number = stream.source.number
        try shim.epoll.add(number, .readable, tag: Watched.output(number).tag)
        stream.isWatched = true
    }

    private func watchAgain(_ stream: OutputStream) {
        if stream.isWatched { return }
        ignoring("a stream that cannot be watched is not read, and the task goes on") {
            () throws(SystemCallFailure) in try watch(stream)
        }
    }

    private func unwatch(_ stream: OutputStream) {
        if stream.isWatched { shim.epoll.remove(stream.source.number) }
        stream.isWatched = false
    }

    /// The writer takes something again.
    func logWritable(_ number: CInt, _ interest: Epoll.Interest) {
        guard let stream = streams.first(where: { $0.target?.descriptor.number == number }) else {
            return
        }
        stream.target?.unwatch(shim)
        if interest.hasAny(of: .failed) { return drop() }
        if isDropping {
            isDropping = false
            for stream in streams { note(stream) }
        }
        givesUpAt = nil
        watchAgain(stream)
        move(stream)
    }

    private func drop() {
        isDropping = true
        givesUpAt = nil
        for stream in streams where stream.restsUntil == nil { watchAgain(stream) }
    }

    /// The task's first process has ended: takes what it has written so far. Other processes may
    /// hold the streams open, so they are still read.
    func taskEnded() {
        for stream in streams where stream.isWatched || stream.restsUntil != nil {
            readable(stream.source.number)
        }
        logWhyNeverRan()
        if endsLater, let stream = streams.last {
            endsLater = false
            end(stream)
        }
    }

    func writerEnded() {
        writer = nil
        notes = nil
        for stream in streams { stream.loseWriter(shim) }
        if !streams.isEmpty { drop() }
    }

    /// Stops reading. The writer ends when it has written what it was given.
    func close() {
        for stream in streams {
            unwatch(stream)
            stream.target?.unwatch(shim)
        }
        streams = []
        notes = nil
    }

    /// Stops reading, and kills the writer; it ends when the kernel releases it.
    func kill() {
        close()
        isKilled = true
        if let writer { Children.signal(writer, 9) }
    }
}

/// One of a task's two streams, on its way to the writer.
private final class OutputStream {
    /// 0 for standard output, 1 for standard error.
    let number: UInt8
    let source: OwnedDescriptor
    private(set) var target: PipeEnd?
    var isWatched = false
    /// How many bytes this writer was given.
    private(set) var moved: UInt64 = 0
    /// How many dropped bytes the writer does not know of.
    var dropped: UInt64 = 0
    /// CLOCK_BOOTTIME in nanoseconds.
    var movedAt: Int64 = 0
    var restsUntil: Int64?

    init(_ number: UInt8, _ source: consuming OwnedDescriptor) {
        self.number = number
        self.source = source
    }

    func begin(_ target: PipeEnd) {
        self.target = target
        moved = 0
    }

    /// How many bytes the writer's pipe took; 0 at the end, `nil` if there are none or no room.
    func move() throws(SystemCallFailure) -> Int? {
        guard let target else { return nil }
        let count = try source.splice(to: target.descriptor.number, atMost: 1 << 16)
        moved += UInt64(count ?? 0)
        return count
    }

    /// Returns the pending bytes, at most `limit`; empty at the end, `nil` if there are none.
    func read(atMost limit: Int) -> [UInt8]? {
        do { return try source.read(limit: limit) } catch { return [] }
    }

    /// Gives the writer bytes that were read already.
    func give(_ bytes: [UInt8]) {
        var taken = 0
        ignoring("what is not taken is counted") { () throws(SystemCallFailure) in
            taken = try target?.descriptor.write(bytes[...]) ?? 0
        }
        moved += UInt64(taken)
        dropped += UInt64(bytes.count - taken)
    }

    /// Returns how many bytes were discarded; 0 at the end, `nil` if there are none.
    func discard() -> Int? {
        // The shim's standard input is /dev/null.
        do { return try source.splice(to: 0, atMost: 1 << 20) } catch { return 0 }
    }

    /// Counts as lost what the writer has not read.
    func loseWriter(_ shim: Shim) {
        guard let target else { return }
        target.unwatch(shim)
        dropped += UInt64(target.descriptor.pendingBytes)
        self.target = nil
    }
}

/// A pipe to the writer, until the writer is forked.
private final class LogPipe {
    let reading: OwnedDescriptor
    let end: PipeEnd

    init(size: CInt?) throws(SystemCallFailure) {
        let ends = try Pipe().release()
        reading = OwnedDescriptor(adopting: ends.reading)
        end = PipeEnd(OwnedDescriptor(adopting: ends.writing))
        if let size { end.descriptor.setPipeSize(size) }
        try end.descriptor.setNonblocking()
    }
}

/// The shim's end of a pipe to the writer; it never blocks.
private final class PipeEnd {
    let descriptor: OwnedDescriptor
    private var isWatched = false

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    func watch(_ shim: Shim) {
        if isWatched { return }
        ignoring("not watched, it is tried again with the next output") {
            () throws(SystemCallFailure) in
            let number = descriptor.number
            try shim.epoll.add(number, .writable, tag: Watched.logPipe(number).tag)
            isWatched = true
        }
    }

    func unwatch(_ shim: Shim) {
        if isWatched { shim.epoll.remove(descriptor.number) }
        isWatched = false
    }
}
