// Asks the API whether it answers, as any client would: over its socket.

import Linux

struct Probe: ~Copyable {
    enum Outcome {
        case asked
        /// Nobody takes connections just now.
        case busy
        /// It cannot be asked, which says nothing about whether it would answer: the socket's file
        /// was taken away, or there is no descriptor to be had.
        case impossible
    }

    private let address: UnixAddress?
    private var connection: OwnedDescriptor?

    init(_ address: UnixAddress?) { self.address = address }

    mutating func ask(_ epoll: borrowing Epoll, tag: UInt64) -> Outcome {
        guard let address else { return .impossible }
        do throws(SystemCallFailure) {
            let made = try address.connect()
            _ = try made.write(Probe.request[...])
            try epoll.add(made.number, .readable, tag: tag)
            connection = consume made
            return .asked
        } catch { return error.errno == Probe.again ? .busy : .impossible }
    }

    /// To be called when the connection is ready. Whatever came of it, a reply or the connection's
    /// end, came from the API's own thread.
    mutating func end(_ epoll: borrowing Epoll) -> Bool {
        guard let connection = connection.take() else { return false }
        epoll.remove(connection.number)
        return true
    }

    private static let again: CInt = 11
    private static let request = Array(
        "GET /healthz HTTP/1.1\r\nHost: staunch\r\nConnection: close\r\n\r\n".utf8)
}
