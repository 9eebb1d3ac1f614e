//  An answer after which the connection speaks another protocol (RFC 9110, section 7.8).

import CHTTP
package import Linux

/// The status 101, and the taker of the connection. libmicrohttpd gives the connection up, so it no
/// longer counts as one of the server's.
package final class HTTPUpgrade: Sendable {
    let headers: [(name: String, value: String)]
    private let begin: @Sendable (consuming OwnedDescriptor, _ early: [UInt8]) -> Void
    private let failed: @Sendable () -> Void

    /// Exactly one of the functions is called, once, on the server's thread.
    ///
    /// - Parameters:
    ///   - name: the value of the header `Upgrade`.
    ///   - begin: gets the connection, which is nonblocking, and the bytes that the client sent
    ///     after the request.
    ///   - failed: called if the client has gone, or no descriptor was left.
    package init(
        to name: String, headers: [(name: String, value: String)] = [],
        begin: @escaping @Sendable (consuming OwnedDescriptor, _ early: [UInt8]) -> Void,
        failed: @escaping @Sendable () -> Void
    ) {
        self.headers = [("Upgrade", name)] + headers
        self.begin = begin
        self.failed = failed
    }

    /// `descriptor` stays libmicrohttpd's.
    func take(_ descriptor: CInt, early: [UInt8]) {
        do { begin(try .duplicating(descriptor), early) } catch { failed() }
    }

    func fail() { failed() }
}

/// Queues the status 101. libmicrohttpd then calls `upgraded`.
func send(_ upgrade: HTTPUpgrade, on connection: ConnectionHandle) -> Bool {
    guard let made = unsafe MHD_create_response_for_upgrade(upgraded, nil) else { return false }
    // SAFETY: MHD counts references: the queue holds its own until the response is sent.
    defer { unsafe MHD_destroy_response(made) }
    for header in upgrade.headers {
        unsafe MHD_add_response_header(made, header.name, header.value)
    }
    return unsafe MHD_queue_response(connection.raw, 101, made) == .YES
}

private func upgraded(
    _: UnsafeMutableRawPointer?, _: OpaquePointer?, _ slot: UnsafeMutableRawPointer?,
    _ early: UnsafePointer<CChar>?, _ size: Int, _ descriptor: CInt, _ handle: OpaquePointer?
) {
    // SAFETY: MHD's buffer lives for the call, and the slot is the connection's until it is closed.
    let bytes = unsafe [UInt8](UnsafeRawBufferPointer(start: early, count: size))
    unsafe Callbacks.connection(slot)?.upgraded(descriptor, early: bytes)
    // MHD closes its own descriptor, and does not shut the connection down.
    unsafe chttp_end_upgrade(handle)
}
