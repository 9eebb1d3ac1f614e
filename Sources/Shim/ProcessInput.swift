// Input on its way to a process, through its pipe or its terminal.

import Kernel
import Linux
import ShimProtocol

final class ProcessInput {
    private var descriptor: OwnedDescriptor?
    /// The terminal, which stays open if no more input comes.
    private var terminal: OwnedDescriptor?
    /// The bytes that the process has not taken.
    private var unread: [UInt8] = []
    /// The input ends after the last byte.
    private var isEnding = false
    private var isWatched = false
    /// Called with `true` when the descriptor is to have an event as soon as it takes more, and
    /// with `false` when it is not, in any case before it is closed.
    var watch: (CInt, Bool) -> Void = { _, _ in }

    /// Adopts the writing end of a pipe.
    init(_ pipe: consuming OwnedDescriptor?) throws(SystemCallFailure) {
        descriptor = pipe
        try descriptor?.setNonblocking()
    }

    /// Adopts a terminal, which replaces the pipe if the process takes input.
    func use(
        _ terminal: consuming OwnedDescriptor, takesInput: Bool
    ) throws(SystemCallFailure) {
        try terminal.setNonblocking()
        descriptor = takesInput ? .some(try .duplicating(terminal.number)) : nil
        self.terminal = .some(terminal)
    }

    var number: CInt? { descriptor?.number }
    var hasUnread: Bool { !unread.isEmpty }
    var hasTerminal: Bool { terminal != nil }

    /// The bytes are dropped if the process takes no input, or has closed it.
    func add(_ bytes: ArraySlice<UInt8>) {
        unread += bytes
        feed()
    }

    /// Ends the input after the last byte.
    func end() {
        if isEnding { return }
        isEnding = true
        // A terminal has no end; its reader takes this character for one (termios(3)).
        if terminal != nil { unread.append(4) }
        feed()
    }

    /// Gives the process as much as it takes now.
    func feed() {
        guard let number else { return unread = [] }
        if hasUnread {
            do throws(SystemCallFailure) {
                unread.removeFirst(try descriptor?.write(unread[...]) ?? 0)
            } catch { return close() }  // EPIPE, EIO: no process reads this and what follows
        }
        if isEnding, !hasUnread { return close() }
        guard hasUnread != isWatched else { return }
        isWatched = hasUnread
        watch(number, isWatched)
    }

    /// Drops what was not taken.
    func close() {
        unread = []
        guard let number else { return }
        if isWatched { watch(number, false) }
        isWatched = false
        descriptor = nil
    }

    func resize(_ size: TerminalSize) {
        ignoring("it keeps its size") { () throws(SystemCallFailure) in
            guard let number = terminal?.number else { return }
            try Terminal.setSize(number, columns: size.columns, rows: size.rows)
        }
    }
}
