//  Conversion of values to libmicrohttpd's responses.

import Bytes
import CHTTP
import Failpoints
import Glibc

/// Queues a response; returns `false` on failure. `isLast` closes the connection after it.
func send(_ response: HTTPResponse, on connection: ConnectionHandle, isLast: Bool = false) -> Bool {
    guard let made = unsafe make(response.body) else { return false }
    // SAFETY: MHD counts references: the queue holds its own until the response is sent.
    defer { unsafe MHD_destroy_response(made) }
    unsafe addHeaders(response.contentType, response.headers, to: made)
    if isLast { unsafe MHD_add_response_header(made, "Connection", "close") }
    let status = UInt32(clamping: response.status)
    if isFailing("reply.queue", .noMemory) { return false }
    return unsafe MHD_queue_response(connection.raw, status, made) == .YES
}

/// Queues a stream's response, which asks the stream for its bytes.
func send(_ stream: HTTPStream, on connection: ConnectionHandle) -> Bool {
    // SAFETY: the reference is given up in `releaseStream`, MHD's last word on the response.
    let context = unsafe Unmanaged.passRetained(stream)
    guard
        let made = unsafe MHD_create_response_from_callback(
            UInt64.max, 8192, readStream, context.toOpaque(), releaseStream)
    else {
        unsafe context.release()
        return false
    }
    defer { unsafe MHD_destroy_response(made) }
    unsafe addHeaders(stream.contentType, stream.headers, to: made)
    return unsafe MHD_queue_response(connection.raw, UInt32(clamping: stream.status), made) == .YES
}

private func make(_ body: HTTPResponse.Body) -> OpaquePointer? {
    switch body {
    case .none:
        return unsafe MHD_create_response_from_buffer(0, nil, .RESPMEM_PERSISTENT)
    case .permanent(let bytes):
        // SAFETY: MHD takes a mutable pointer and only reads.
        let start = unsafe UnsafeMutableRawPointer(mutating: bytes.buffer.baseAddress)
        return unsafe MHD_create_response_from_buffer(
            bytes.buffer.count, start, .RESPMEM_PERSISTENT)
    case .bytes(let bytes):
        return unsafe bytes.withUnsafeBytes { raw in
            let start = unsafe UnsafeMutableRawPointer(mutating: raw.baseAddress)
            return unsafe MHD_create_response_from_buffer(raw.count, start, .RESPMEM_MUST_COPY)
        }
    case .heap(let bytes):
        // SAFETY: the object, and with it the block, stays until MHD calls `releaseBytes`.
        let context = unsafe Unmanaged.passRetained(bytes)
        let storage = unsafe bytes.storage
        let made = unsafe MHD_create_response_from_buffer_with_free_callback_cls(
            storage.count, storage.baseAddress, releaseBytes, context.toOpaque())
        if unsafe made == nil { unsafe context.release() }
        return unsafe made
    }
}

private func addHeaders(
    _ contentType: String?, _ headers: [(name: String, value: String)], to response: OpaquePointer
) {
    if let contentType { unsafe MHD_add_response_header(response, "Content-Type", contentType) }
    for header in headers {
        unsafe MHD_add_response_header(response, header.name, header.value)
    }
}

private func releaseBytes(_ context: UnsafeMutableRawPointer?) {
    guard let context = unsafe context else { return }
    unsafe Unmanaged<HeapBytes>.fromOpaque(context).release()
}

private func releaseStream(_ context: UnsafeMutableRawPointer?) {
    guard let context = unsafe context else { return }
    unsafe Unmanaged<HTTPStream>.fromOpaque(context).release()
}

private func readStream(
    _ context: UnsafeMutableRawPointer?, _ position: UInt64, _ room: UnsafeMutablePointer<CChar>?,
    _ size: Int
) -> Int {
    guard let context = unsafe context else { return -2 }
    // SAFETY: retained by `send` until `releaseStream`.
    let stream = unsafe Unmanaged<HTTPStream>.fromOpaque(context).takeUnretainedValue()
    return unsafe stream.read(into: UnsafeMutableRawBufferPointer(start: room, count: size))
}

/// Writes a whole response to the socket while a body arrives, because MHD accepts no response
/// then. Nothing else is being sent at that time and the connection is cut next, so one attempt is
/// enough.
func sendDirectly(_ response: HTTPResponse, on descriptor: CInt) {
    var bytes: [UInt8] = []
    switch response.body {
    case .none: break
    case .heap(let heap): bytes = heap.bytes
    case .bytes(let array): bytes = array
    case .permanent(let permanent): bytes = unsafe [UInt8](permanent.buffer)
    }
    var head = "HTTP/1.1 \(response.status) Refused\r\nConnection: close\r\n"
    if let type = response.contentType { head += "Content-Type: \(type)\r\n" }
    for header in response.headers where !header.value.utf8.contains(where: { $0 < 32 }) {
        head += "\(header.name): \(header.value)\r\n"
    }
    head += "Content-Length: \(bytes.count)\r\n\r\n"
    let whole = Array(head.utf8) + bytes
    _ = unsafe whole.withUnsafeBytes { raw in
        unsafe Glibc.send(descriptor, raw.baseAddress, raw.count, CInt(MSG_NOSIGNAL))
    }
}
