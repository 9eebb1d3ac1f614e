//  Who gives way where as many connections are open as may be: a newcomer is served at once.
//
//      silent ──> receiving ──> answering ──> silent        [piece of a body; answer; its end]
//      silent:    * no whole request is under way: nothing was sent, or a head comes in by bytes
//      receiving: * a body comes in; who sent the last piece longest ago stands first
//      answering: * an answer goes out, to a client that may not read it
//
//  The first of the first line that is not empty gives way. Waits and streams stand in none: each
//  has a limit of its own, and is refused beyond it.

import Synchronization

// SAFETY: MHD's thread alone calls this, in its callbacks; `gaveWay` is atomic.
final class Crowd: @unchecked Sendable {
    enum Line: Int, CaseIterable {
        case silent, receiving, answering
    }

    private struct Ends {
        var first: Connection?
        var last: Connection?
    }

    private let limit: Int
    private var lines = Line.allCases.map { _ in Ends() }
    private var count = 0
    /// Connections that were closed so that others could come.
    let gaveWay = Atomic(0)

    init(limit: Int) { self.limit = limit }

    /// To the end of a line; `nil`: to none.
    func move(_ connection: Connection, to line: Line?) {
        guard !connection.hasGivenWay else { return }
        leave(connection)
        guard let line else { return }
        connection.line = line
        connection.before = lines[line.rawValue].last
        lines[line.rawValue].last?.behind = connection
        lines[line.rawValue].last = connection
        if lines[line.rawValue].first == nil { lines[line.rawValue].first = connection }
        count += 1
    }

    /// After a connection has come. It stands last and has to go only where it is alone.
    func makeRoom() {
        while count > limit, let connection = lines.lazy.compactMap(\.first).first {
            leave(connection)
            connection.giveWay()
            gaveWay.add(1, ordering: .relaxed)
        }
    }

    private func leave(_ connection: Connection) {
        guard let line = connection.line else { return }
        if connection.before == nil { lines[line.rawValue].first = connection.behind }
        if connection.behind == nil { lines[line.rawValue].last = connection.before }
        connection.before?.behind = connection.behind
        connection.behind?.before = connection.before
        connection.before = nil
        connection.behind = nil
        connection.line = nil
        count -= 1
    }
}
