// The functions that libcurl calls during a request: three functions that find the Swift object.
//
// The context is a `Transfer`, which the function that performs the request holds until the end.
// curl calls these functions only on that thread.

import Bytes
import CCurl

/// The answer while it arrives.
final class Transfer {
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// Receives the body piece by piece instead; `false` ends the transfer.
    let onBytes: (([UInt8]) -> Bool)?
    /// Called once a second, and whenever data arrives.
    let isCanceled: () -> Bool

    init(onBytes: (([UInt8]) -> Bool)?, isCanceled: @escaping () -> Bool) {
        self.onBytes = onBytes
        self.isCanceled = isCanceled
    }

    /// Returning `false` ends the transfer.
    func take(_ bytes: [UInt8]) -> Bool {
        if let onBytes { return onBytes(bytes) }
        body += bytes
        return true
    }

    /// A status line begins a new head, because an interim answer may precede the final one.
    func takeHeader(_ line: [UInt8]) {
        if line.starts(with: Array("HTTP/".utf8)) { headers = [] }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowered
        let isSpace = { (byte: UInt8) in byte <= 32 }
        let value = line[(colon + 1)...].drop(while: isSpace).reversed().drop(while: isSpace)
        headers.append((name, String(decoding: value.reversed(), as: UTF8.self)))
    }
}

func bodyCame(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(context) else { return 0 }
    let piece = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: size * count))
    return transfer.take(piece) ? piece.count : 0
}

func headerCame(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(context) else { return 0 }
    let line = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: size * count))
    transfer.takeHeader(line)
    return line.count
}

func observe(
    _ context: UnsafeMutableRawPointer?, _: curl_off_t, _: curl_off_t, _: curl_off_t,
    _: curl_off_t
) -> CInt {
    guard let transfer = unsafe transfer(context) else { return 1 }
    return transfer.isCanceled() ? 1 : 0
}

// SAFETY: `HTTPClient.perform` has set the pointer, and holds the object.
private func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}
