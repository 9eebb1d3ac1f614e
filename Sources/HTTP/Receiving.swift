//  Conversion of libmicrohttpd's connections to values.

import CHTTP
import Kernel
import Linux

typealias HeaderList = [(name: String, value: String)]

/// All headers of the request, in order.
func headers(of connection: ConnectionHandle) -> HeaderList {
    var headers: HeaderList = []
    headers.reserveCapacity(8)
    // SAFETY: `headers` is written only during this call, by `collect`.
    unsafe withUnsafeMutablePointer(to: &headers) { list in
        unsafe chttp_each_header(connection.raw, collect, list)
    }
    return headers
}

private func collect(
    _ context: UnsafeMutableRawPointer?, _ name: UnsafePointer<CChar>?, _ nameSize: Int,
    _ value: UnsafePointer<CChar>?, _ valueSize: Int
) {
    guard let context = unsafe context else { return }
    let list = unsafe context.assumingMemoryBound(to: HeaderList.self)
    let name = unsafe UnsafeRawBufferPointer(start: name, count: nameSize)
    let value = unsafe UnsafeRawBufferPointer(start: value, count: valueSize)
    unsafe list.pointee.append(
        (String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
}

extension HTTPPeer {
    /// `nil` if the socket is not a unix socket.
    init?(of descriptor: CInt) {
        do throws(SystemCallFailure) {
            let peer = try PeerCredentials(ofSocket: descriptor)
            guard peer.pid != 0 else { return nil }
            self.init(pid: peer.pid, uid: peer.uid, gid: peer.gid)
        } catch { return nil }
    }
}
