//  Chooses which connection to close if the limit is reached, so that a new one is served at once.
//
//      silent ──> receiving ──> answering ──> silent        [its head; its whole body; the end]
//      silent:    * no head of a request has arrived: nothing was sent, or it arrives by bytes
//      receiving: * a body arrives; the connection whose last piece is the oldest is the first
//      answering: * an answer is sent, to a client that may not read it
//
//  The first connection of a line is closed: of `silent` if it has more than a quarter of the
//  places; otherwise of `receiving`, then of `answering`. A new connection is silent too, so
//  without the quarter new connections would evict each other while all others are busy. Waits and
//  streams are in no line: each kind has its own limit and is refused beyond it.

// SAFETY: MHD's thread alone calls this, in its callbacks.
final class ConnectionEvictor: @unchecked Sendable {
    enum Line: Int, CaseIterable {
        case silent, receiving, answering
    }

    private struct Ends {
        var first: Connection?
        var last: Connection?
        var count = 0
    }

    private let limit: Int
    private let handler: any HTTPHandler
    private var lines = Line.allCases.map { _ in Ends() }

    init(limit: Int, _ handler: any HTTPHandler) {
        self.limit = limit
        self.handler = handler
    }

    /// Moves the connection to the end of `line`, or out of all lines if `line` is `nil`.
    func move(_ connection: Connection, to line: Line?) {
        guard !connection.isEvicted else { return }
        leave(connection)
        guard let line else { return }
        connection.line = line
        connection.before = lines[line.rawValue].last
        lines[line.rawValue].last?.behind = connection
        lines[line.rawValue].last = connection
        if lines[line.rawValue].first == nil { lines[line.rawValue].first = connection }
        lines[line.rawValue].count += 1
    }

    /// Closes connections until the limit holds. Called after a new connection.
    func makeRoom() {
        while count > limit, let connection = next {
            leave(connection)
            connection.evict()
            handler.noteEviction()
        }
    }

    private var count: Int { lines.reduce(0) { $0 + $1.count } }

    private var next: Connection? {
        let silent = lines[Line.silent.rawValue]
        if silent.count > max(1, limit / 4) { return silent.first }
        return lines[Line.receiving.rawValue].first ?? lines[Line.answering.rawValue].first
            ?? silent.first
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
        lines[line.rawValue].count -= 1
    }
}
