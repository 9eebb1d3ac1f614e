// A task's output: read here, written by a helper, since only a helper may wait for a disk.
//
// The log has the format of the CRI: see `LineCutter`. A log disk that is slow makes the task wait
// for a second at most; from then on what comes is dropped, counted, and the count is logged when
// the disk takes something again. So neither the task's end nor the pod's delete ever depends on
// that disk.

import Linux

final class TaskOutput {
    /// Nanoseconds without any progress of the writer's after which output is dropped.
    private static let patience: Int64 = 1_000_000_000
    /// As much is read at once.
    private static let chunk = 16384

    private unowned let shim: Shim
    private let path: String
    private var streams: [OutputStream]
    private var pipe: LogPipe?
    /// The helper's pid, until it has been reaped.
    private(set) var writer: Int32?
    /// It was killed for good, and has not been reaped yet.
    private(set) var isKilled = false
    /// CLOCK_BOOTTIME in nanoseconds of the last try to start a writer.
    private var triedAt: Int64 = 0
    /// Lines that the writer's pipe had no room for.
    private var unsent: [UInt8] = []
    private var dropped = 0
    private var isDropping = false
    /// CLOCK_BOOTTIME in nanoseconds; `nil` where the writer keeps up.
    private(set) var givesUpAt: Int64?

    /// Adopts the reading ends of a task's standard output and error.
    init(
        path: String, shim: Shim, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor
    ) throws(SystemCallFailure) {
        self.path = path
        self.shim = shim
        streams = [OutputStream("stdout", output), OutputStream("stderr", errors)]
        for stream in streams {
            try stream.descriptor.setNonblocking()
            try watch(stream)
        }
    }

    func owns(_ number: CInt) -> Bool {
        pipe?.descriptor.number == number || streams.contains { $0.descriptor.number == number }
    }

    /// Takes what a stream has; at its end the stream is closed.
    func readable(_ number: CInt) {
        guard let stream = streams.first(where: { $0.descriptor.number == number }) else { return }
        var more: [UInt8]?
        do throws(SystemCallFailure) {
            more = try stream.descriptor.read(limit: TaskOutput.chunk)
        } catch { more = [] }
        guard let more else { return }
        put(stream.lines(more))
        if more.isEmpty { end(stream) }
    }

    private func end(_ stream: OutputStream) {
        shim.epoll.remove(stream.descriptor.number)
        streams.removeAll { $0 === stream }
        closePipeIfDone()
    }

    private func put(_ lines: [UInt8]) {
        guard !lines.isEmpty else { return }
        if isDropping && pipe == nil && writer == nil { takeUpAgain() }
        if isDropping {
            dropped += lines.count
            return
        }
        unsent += lines
        startWriterIfNeeded()
        flush()
    }

    /// The writer could not be started, or was killed: once a second it is tried again.
    private func takeUpAgain() {
        let now = SystemClock.sinceBoot
        guard now - triedAt >= 1_000_000_000 else { return }
        triedAt = now
        noteDropped()
    }

    private func noteDropped() {
        isDropping = false
        unsent += LineCutter.note(
            "\(dropped) bytes of output were dropped here", at: SystemClock.timestamp())
        dropped = 0
    }

    /// The first output starts the writer: a silent task has none.
    private func startWriterIfNeeded() {
        guard pipe == nil, writer == nil else { return }
        do throws(SystemCallFailure) {
            let made = try Pipe()
            let reading = made.reading.number
            let path = self.path
            // The log's disk is mounted on the host, and not in here.
            writer = try forkHelper(keeping: [reading], mounts: shim.hostMounts.number) {
                LogWriter(path: path, input: OwnedDescriptor(adopting: reading)).run()
            }
            made.writing.setPipeSize(1 << 20)
            try made.writing.setNonblocking()
            pipe = LogPipe(made.intoWriting())
        } catch { drop() }
    }

    /// Hands the writer what it has room for.
    private func flush() {
        guard let pipe else { return }
        do throws(SystemCallFailure) {
            while !unsent.isEmpty {
                let taken = try pipe.descriptor.write(unsent[...])
                if taken == 0 { return wait(for: pipe) }
                unsent.removeFirst(taken)
                givesUpAt = nil
            }
        } catch { return drop() }  // the writer is gone: EPIPE
        resume()
        closePipeIfDone()
    }

    /// The writer's pipe is full: the task waits with it, for a while.
    private func wait(for pipe: LogPipe) {
        if givesUpAt == nil && !isDropping {
            givesUpAt = SystemClock.sinceBoot + TaskOutput.patience
        }
        pipe.watch(shim)
        for stream in streams where stream.isWatched {
            shim.epoll.remove(stream.descriptor.number)
            stream.isWatched = false
        }
    }

    private func resume() {
        givesUpAt = nil
        pipe?.unwatch(shim)
        for stream in streams where !stream.isWatched {
            ignoring("a stream that cannot be watched is not read, and the task goes on") {
                () throws(SystemCallFailure) in try watch(stream)
            }
        }
    }

    private func watch(_ stream: OutputStream) throws(SystemCallFailure) {
        let number = stream.descriptor.number
        try shim.epoll.add(number, .readable, tag: Watched.output(number).tag)
        stream.isWatched = true
    }

    /// The writer takes something again.
    func logWritable(_ interest: Epoll.Interest) {
        if isDropping, !interest.contains(.failed) { noteDropped() }
        flush()
    }

    /// No progress for too long: from here on output is dropped.
    func giveUp() { drop() }

    private func drop() {
        // The pipe may have taken the first half of a line: its other half stays.
        let rest = unsent.firstIndex(of: 10).map { $0 + 1 } ?? unsent.count
        dropped += unsent.count - rest
        unsent.removeSubrange(rest...)
        isDropping = true
        givesUpAt = nil
        for stream in streams where !stream.isWatched {
            ignoring("a stream that cannot be watched is not read, and the task goes on") {
                () throws(SystemCallFailure) in try watch(stream)
            }
        }
        closePipeIfDone()
    }

    /// The task's first process has ended: what it wrote is taken, as far as it is there now.
    /// Others may hold the streams open; they are read on.
    func taskEnded() {
        for stream in streams where stream.isWatched { readable(stream.descriptor.number) }
    }

    private func closePipeIfDone() {
        guard streams.isEmpty, unsent.isEmpty || isDropping, let pipe else { return }
        pipe.unwatch(shim)
        self.pipe = nil
    }

    func writerEnded() {
        writer = nil
        pipe?.unwatch(shim)
        pipe = nil
        if !streams.isEmpty { drop() }
    }

    /// Reads no more. The writer ends once it has written what it was given.
    func close() {
        for stream in streams where stream.isWatched { shim.epoll.remove(stream.descriptor.number) }
        streams = []
        pipe?.unwatch(shim)
        pipe = nil
    }

    /// Reads no more, and ends the writer as soon as the kernel lets it go.
    func kill() {
        close()
        isKilled = true
        if let writer { Children.signal(writer, 9) }
    }
}

/// The shim's end of the pipe to a log writer.
private final class LogPipe {
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

/// One of a task's two streams, cut into lines.
private final class OutputStream {
    let descriptor: OwnedDescriptor
    var isWatched = false
    private var cutter: LineCutter

    init(_ name: String, _ descriptor: consuming OwnedDescriptor) {
        cutter = LineCutter(name)
        self.descriptor = descriptor
    }

    /// The log's lines for what has come; an empty `bytes` is the end, and tells what was kept
    /// back.
    func lines(_ bytes: [UInt8]) -> [UInt8] {
        let now = SystemClock.timestamp()
        return bytes.isEmpty ? cutter.end(at: now) : cutter.cut(bytes, at: now)
    }
}
