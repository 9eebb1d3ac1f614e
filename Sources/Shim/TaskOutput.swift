// A task's output: a helper reads and writes it, because only a helper may wait for a disk. It also
// serves the task's clients. It runs in a cgroup of the pod, so that the work that a task causes is
// charged to its pod.
//
// A slow log disk makes the task wait for a second at most. After that the shim reads the streams
// itself, drops what it reads, and counts it. The helper logs the count when the disk takes
// something again. So neither the task's end nor the pod's delete ever depends on that disk. If the
// task's spec says so, the task waits for the disk instead.

import Kernel
import Linux
import ShimProtocol

final class TaskOutput {
    /// Nanoseconds between two looks at a writer that has something to do.
    private static let pause: Int64 = 250_000_000
    /// Nanoseconds without progress of the writer after which output is dropped. The look may come
    /// a pause later.
    private static let patience: Int64 = 750_000_000
    /// Nanoseconds between two messages about a log that grows all the time.
    private static let news: Int64 = 5_000_000_000
    /// Nanoseconds for which a stream with tiny pieces is not read, so that a task cannot wake the
    /// shim with each byte.
    private static let rest: Int64 = 2_000_000
    /// The size from which a piece does not count as tiny, in bytes.
    private static let piece = 16384

    private unowned let shim: Shim
    private unowned let slot: TaskSlot
    /// The streams that have not ended.
    private var streams: [OutputStream]
    /// The runtime's output; `nil` when the task's program may have written something.
    private var printed: RuntimeWords? = RuntimeWords()
    /// The last stream is at its end, and is kept until the runtime is reaped.
    private var endsLater = false
    /// The helper's pid, until it has been reaped.
    private(set) var writer: Int32?
    /// The writer was killed for good, and is not reaped yet.
    private(set) var isKilled = false
    /// The writer was asked to finish, and is not reaped yet.
    private(set) var isClosed = false
    /// Shared with the writer; there are none before the first one.
    private var counters: LogCounters?
    private var talk: WriterTalk?
    /// The writing end of the task's input, as long as that may go on. The writer has a copy.
    private var input: SharedDescriptor?
    /// Clients that wait for the program, and then for the writer.
    private var clients: [(stream: WireStream, socket: SharedDescriptor)] = []
    /// CLOCK_BOOTTIME in nanoseconds of the last attempt to start a writer.
    private var triedAt: Int64 = 0
    /// The shim reads the streams, and drops what it reads.
    private var isDropping = false
    /// CLOCK_BOOTTIME in nanoseconds of the next look at the writer; `nil` if it has nothing to do.
    private var nextLook: Int64?
    /// The writer's progress, and CLOCK_BOOTTIME in nanoseconds when it was seen first.
    private var seen = (progress: 0 as UInt64, at: 0 as Int64)
    /// What the daemon was told last, and CLOCK_BOOTTIME in nanoseconds of that.
    private var told = (state: LogState(), at: 0 as Int64)

    /// Adopts the writing end of a task's standard input, if clients may write to it, and the
    /// reading ends of standard output and error.
    init(
        _ slot: TaskSlot, shim: Shim, input: SharedDescriptor?,
        output: consuming OwnedDescriptor, errors: consuming OwnedDescriptor
    ) throws(SystemCallFailure) {
        self.slot = slot
        self.shim = shim
        self.input = input
        streams = [OutputStream(0, output), OutputStream(1, errors)]
        for stream in streams {
            try stream.source.setNonblocking()
            try watch(stream)
        }
    }

    /// The task has a terminal, which replaces the pipes. Adopts the descriptor.
    func use(_ terminal: consuming OwnedDescriptor) throws(SystemCallFailure) {
        try terminal.setNonblocking()
        for stream in streams { unwatch(stream) }
        endsLater = false
        let stream = OutputStream(0, terminal)
        streams = [stream]
        try watch(stream)
    }

    private var limits: LogLimits { slot.document?.log ?? LogLimits() }

    /// What became of the output so far.
    var state: LogState {
        var totals = counters?.totals ?? LogTotals()
        totals.dropped += streams.reduce(0) { $0 + $1.dropped }
        return LogState(totals: totals, isComplete: isOver)
    }

    func owns(_ number: CInt) -> Bool { streams.contains { $0.source.number == number } }

    /// No stream is open, and all that was read is written or lost.
    var isOver: Bool { streams.isEmpty && writer == nil }

    /// CLOCK_BOOTTIME in nanoseconds of the next timer.
    var nextTimer: Int64? {
        let next = streams.reduce(nextLook ?? .max) { min($0, $1.restsUntil ?? .max) }
        return next == .max ? nil : next
    }

    func fireTimers(_ now: Int64) {
        if let nextLook, nextLook <= now { look(now) }
        for stream in streams {
            guard let rest = stream.restsUntil, rest <= now else { continue }
            stream.restsUntil = nil
            watchAgain(stream)
        }
    }

    /// A stream has something, or is at its end.
    func readable(_ number: CInt, _ interest: Epoll.Interest = .readable) {
        guard let stream = streams.first(where: { $0.source.number == number }) else { return }
        if printed == nil && writer != nil && !isDropping {
            // The writer reads it; the shim only looks whether it does.
            unwatch(stream)
            if interest.hasAny(of: .hungUp) { stream.isHungUp = true }
            return lookFromNow()
        }
        if stream.source.pendingBytes == 0 {
            if stream.discard() == 0 { end(stream) }
            return
        }
        printed == nil ? drop(from: stream) : hear(stream)
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
        startWriter(giving: more, of: stream)
    }

    /// If the program could not be executed, it has no output: its init's message about that is
    /// logged.
    private func logWhyNeverRan() {
        guard let words = printed, shim.neverRan(slot), let stream = streams.last else { return }
        printed = nil
        if words.bytes.isEmpty { return }
        stream.dropped += words.dropped
        startWriter(giving: words.bytes, of: stream)
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
        unwatch(stream)
        stream.restsUntil = nil
        counters?.add(dropped: stream.dropped, of: stream.number)
        streams.removeAll { $0 === stream }
        if streams.isEmpty { tell() }
    }

    private func drop(from stream: OutputStream) {
        if let counters, writer != nil, !counters.isDraining { return leaveToWriter() }
        if writer == nil && takesUpAgain() { return startWriter(giving: [], of: stream) }
        guard let count = stream.discard() else { return }
        if count == 0 { return end(stream) }
        note(UInt64(count), of: stream)
        pace(stream, count)
    }

    private func sharedCounters() throws(SystemCallFailure) -> LogCounters {
        if let counters { return counters }
        let made = try LogCounters()
        counters = made
        return made
    }

    /// The writer logs the count; without a page to share, the next one gets it.
    private func note(_ dropped: UInt64, of stream: OutputStream) {
        guard let counters else { return stream.dropped += dropped }
        counters.add(dropped: dropped, of: stream.number)
    }

    private func pace(_ stream: OutputStream, _ count: Int) {
        let now = SystemClock.sinceBoot
        defer { stream.movedAt = now }
        guard count < TaskOutput.piece, now - stream.movedAt < TaskOutput.rest else { return }
        stream.restsUntil = now + TaskOutput.rest
        unwatch(stream)
    }

    /// The writer could not be started, or was killed: once a second it is time for another.
    private func takesUpAgain() -> Bool {
        let now = SystemClock.sinceBoot
        guard now - triedAt >= 1_000_000_000 else { return false }
        triedAt = now
        return true
    }

    /// Starts the writer with the first output: a silent task has no writer.
    private func startWriter(giving begin: [UInt8], of first: OutputStream) {
        do throws(SystemCallFailure) {
            let counters = try sharedCounters()
            let (talk, control) = try connection()
            let inputs = streams.map {
                (
                    stream: $0.number, descriptor: $0.source.number,
                    begin: $0 === first ? begin : []
                )
            }
            for stream in streams {
                stream.source.setPipeSize(CInt(LogWriter.batch))
                counters.add(dropped: stream.dropped, of: stream.number)
                stream.dropped = 0
            }
            let (paths, hierarchies, limits) = (slot.paths, shim.hierarchies, limits)
            let (home, end) = (slot.logHome, control.descriptor.number)
            let given = TaskInput(
                slot.input, pipe: input?.descriptor.number, terminal: inputs.first?.descriptor)
            try shim.epoll.add(talk.number, .readable, tag: Watched.writer(talk.number).tag)
            counters.isDraining = false
            self.talk = talk
            // In this order, because they get the first output, too.
            for client in clients { give(client.stream, client.socket) }
            clients = []
            // The log's disk is mounted on the host, not in the sandbox.
            let kept =
                [end] + inputs.map(\.descriptor) + (input.map { [$0.descriptor.number] } ?? [])
            writer = try forkHelper(keeping: kept, mounts: shim.hostMounts.number) {
                LogCgroup(paths, hierarchies).enter()
                return LogWriter(
                    home, limits, counters: counters, control: end, inputs: inputs, input: given
                ).run()
            }
            leaveToWriter()
        } catch {
            talk = nil
            clients = []
            note(UInt64(begin.count), of: first)
            drop()
        }
    }

    /// The two ends of the connection to a writer.
    private func connection() throws(SystemCallFailure) -> (WriterTalk, SharedDescriptor) {
        let ends = try SocketPair(ofPackets: true).release()
        let other = SharedDescriptor(OwnedDescriptor(adopting: ends.other))
        return (
            WriterTalk(PacketSocket(adopting: OwnedDescriptor(adopting: ends.one))), other
        )
    }

    // MARK: Clients

    /// Gives the task one more client. It waits until the program runs; `hasBegun`: it does, or is
    /// about to.
    func attach(_ stream: WireStream, _ socket: SharedDescriptor, hasBegun: Bool) -> ShimReply {
        if isClosed || streams.isEmpty && writer == nil {
            return .failed(.notRunning, detail: "the task's output has ended")
        }
        if writer != nil {
            return give(stream, socket)
                ? .done : .failed(.system, detail: "the log writer does not answer")
        }
        guard clients.count < AttachedClients.most else {
            return .failed(.state, detail: "the task has \(clients.count) clients")
        }
        clients.append((stream, socket))
        if hasBegun { begin() }
        return .done
    }

    @discardableResult
    private func give(_ stream: WireStream, _ socket: SharedDescriptor) -> Bool {
        talk?.tell(.attach(stream), passing: [socket.descriptor.number]) ?? false
    }

    /// The program runs, or is about to. A silent task needs a writer as soon as it has a client.
    func begin() {
        guard !clients.isEmpty, writer == nil, let first = streams.first else { return }
        printed = nil
        startWriter(giving: [], of: first)
    }

    /// The streams of the clients end with the task's first process.
    private func endClients() {
        input = nil
        guard let exit = slot.exit else { return }
        _ = talk?.tell(.ended(exit))
        for client in clients {
            ignoring("it has gone") { () throws(SystemCallFailure) in
                let last = ExecStatus(of: nil, client.stream.framing).frames(exit)
                _ = try client.socket.descriptor.write(last[...])
            }
        }
        clients = []
    }

    /// The writer reads the streams from now on. Nothing wakes the shim but the next output of a
    /// task that was quiet.
    private func leaveToWriter() {
        isDropping = false
        for stream in streams {
            stream.restsUntil = nil
            unwatch(stream)
        }
        lookFromNow()
    }

    private func lookFromNow() {
        guard nextLook == nil, let counters else { return }
        let now = SystemClock.sinceBoot
        seen = (counters.progress, now)
        nextLook = now + TaskOutput.pause
    }

    private func look(_ now: Int64) {
        nextLook = nil
        guard let counters, writer != nil else { return }
        if now - told.at >= TaskOutput.news { tell() }
        if isDropping {
            if !counters.isDraining { return leaveToWriter() }
            nextLook = now + TaskOutput.pause
            return
        }
        let progress = counters.progress
        if progress != seen.progress {
            seen = (progress, now)
        } else if !streams.contains(where: { $0.source.pendingBytes > 0 }) {
            // It is quiet, and its next output wakes the shim once.
            tell()
            for stream in streams where !stream.isHungUp { watchAgain(stream, once: true) }
            return
        } else if now - seen.at >= TaskOutput.patience && !limits.blocks {
            counters.isDraining = true
            drop()
        }
        nextLook = now + TaskOutput.pause
    }

    /// The daemon hears of the log if it has changed.
    private func tell() {
        let state = state
        guard state != told.state else { return }
        told = (state, SystemClock.sinceBoot)
        shim.tell(slot)
    }

    private func watch(_ stream: OutputStream, once: Bool = false) throws(SystemCallFailure) {
        let number = stream.source.number
        let interest: Epoll.Interest = once ? .readable | .once : .readable
        try shim.epoll.add(number, interest, tag: Watched.output(number).tag)
        stream.isWatched = true
    }

    private func watchAgain(_ stream: OutputStream, once: Bool = false) {
        unwatch(stream)
        ignoring("a stream that cannot be watched is not read, and the task goes on") {
            () throws(SystemCallFailure) in try watch(stream, once: once)
        }
    }

    private func unwatch(_ stream: OutputStream) {
        if stream.isWatched { shim.epoll.remove(stream.source.number) }
        stream.isWatched = false
    }

    private func drop() {
        isDropping = true
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
        endClients()
    }

    /// Returns the requests to open the log anew that the writer has not answered.
    func writerEnded() -> [UInt32] {
        hearWriter()
        let openings = talk?.takeWaiting() ?? []
        if let talk { shim.epoll.remove(talk.number) }
        (writer, talk, nextLook) = (nil, nil, nil)
        guard let counters else { return openings }
        if counters.isFinished {
            for stream in streams { unwatch(stream) }
            streams = []
            tell()
            return openings
        }
        // It was killed, by a limit of the pod's memory, for example.
        counters.dropUnsettled(0)
        counters.dropUnsettled(1)
        drop()
        if streams.isEmpty { tell() }
        return openings
    }

    /// Whether the descriptor is that of the writer's answers.
    func hears(_ number: CInt) -> Bool { talk?.number == number }

    func hearWriter() {
        do {
            while let news = try talk?.hear() {
                switch news {
                case .reopened(let count, let record):
                    for id in talk?.answered(count) ?? [] {
                        shim.reply(id, LogOpening.reply(record))
                    }
                case .inputOver: input = nil
                }
            }
        } catch { if let talk { shim.epoll.remove(talk.number) } }  // it ends
    }

    /// Asks the writer to open the log's file anew. Returns `false` if there is no writer that will
    /// do that.
    func askWriterToReopen(_ ids: [UInt32]) -> Bool {
        guard writer != nil, !isClosed else { return false }
        return talk?.askToReopen(ids) ?? false
    }

    func forgetOpenings() { talk?.forgetWhoWaits() }

    /// Stops reading. The writer ends when it has written what the streams hold.
    func close() {
        isClosed = true
        for stream in streams { unwatch(stream) }
        streams = []
        input = nil
        clients = []
        talk?.finish()
    }

    /// Stops reading, and kills the writer; it ends when the kernel releases it.
    func kill() {
        close()
        isKilled = true
        if let writer { Children.signal(writer, 9) }
    }
}

/// One of a task's two streams.
private final class OutputStream {
    /// 0 for standard output, 1 for standard error.
    let number: UInt8
    let source: OwnedDescriptor
    var isWatched = false
    /// Nothing will come after what the pipe holds.
    var isHungUp = false
    /// How many dropped bytes are not counted in the page that the writer shares.
    var dropped: UInt64 = 0
    /// CLOCK_BOOTTIME in nanoseconds.
    var movedAt: Int64 = 0
    var restsUntil: Int64?

    init(_ number: UInt8, _ source: consuming OwnedDescriptor) {
        self.number = number
        self.source = source
    }

    /// Returns the pending bytes, at most `limit`; empty at the end, `nil` if there are none.
    func read(atMost limit: Int) -> [UInt8]? {
        do { return try source.read(limit: limit) } catch { return [] }
    }

    /// Returns how many bytes were discarded; 0 at the end, `nil` if there are none.
    func discard() -> Int? {
        // The shim's standard input is /dev/null.
        do { return try source.splice(to: 0, atMost: 1 << 20) } catch { return 0 }
    }
}
