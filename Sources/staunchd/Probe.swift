// Checks that the API answers, over its socket like any client.

import Kernel
import Linux

struct Probe: ~Copyable {
    enum Outcome {
        case asked
        /// The API accepts no connection at present.
        case busy
        /// The probe is impossible, which does not show that the API hangs: the socket's file was
        /// removed, or no descriptor is available.
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

    /// Must be called when the connection is ready. A reply and the end of the connection both come
    /// from the API's own thread, so both are answers.
    mutating func end(_ epoll: borrowing Epoll) -> Bool {
        guard let connection = connection.take() else { return false }
        epoll.remove(connection.number)
        return true
    }

    private static let again: CInt = 11
    private static let request = Array(
        "GET /healthz HTTP/1.1\r\nHost: staunch\r\nConnection: close\r\n\r\n".utf8)
}
