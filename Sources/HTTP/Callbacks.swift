//  The functions that libmicrohttpd calls through CHTTP: they find the Swift object and call it.
//
//  `context` is the server's core, retained from start to stop. A slot is a `Connection`, retained
//  from `opened` to `closed`. MHD calls for a connection only between these two, on one thread.

import Bytes
import CHTTP
import Synchronization

enum Callbacks {
    static func table(context: UnsafeMutableRawPointer) -> chttp_callbacks {
        unsafe chttp_callbacks(
            context: context, opened: opened, closed: closed, began: began, access: access,
            ended: ended, log: log)
    }

    /// The connection of a slot.
    static func connection(_ slot: UnsafeMutableRawPointer?) -> Connection? {
        guard let slot = unsafe slot else { return nil }
        // SAFETY: a slot that `opened` made and `closed` has not released.
        return unsafe Unmanaged<Connection>.fromOpaque(slot).takeUnretainedValue()
    }
}

private func opened(
    _ context: UnsafeMutableRawPointer?, _ connection: OpaquePointer?, _ descriptor: CInt
) -> UnsafeMutableRawPointer? {
    guard let context = unsafe context, let connection = unsafe connection else { return nil }
    // SAFETY: `context` is the core that the server retains until MHD has stopped.
    let core = unsafe Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
    let handle = unsafe ConnectionHandle(raw: connection)
    let slot = Connection(core: core, handle: handle, descriptor: descriptor)
    return unsafe Unmanaged.passRetained(slot).toOpaque()
}

private func closed(_ slot: UnsafeMutableRawPointer?) {
    guard let slot = unsafe slot else { return }
    // SAFETY: the reference that `opened` retained; MHD does not use the slot after this call.
    unsafe Unmanaged<Connection>.fromOpaque(slot).takeRetainedValue().closed()
}

private func began(_ slot: UnsafeMutableRawPointer?, _ target: UnsafePointer<CChar>?) {
    guard let target = unsafe target, let connection = unsafe Callbacks.connection(slot) else {
        return
    }
    unsafe connection.began(target: target)
}

private func access(
    _ slot: UnsafeMutableRawPointer?, _ method: UnsafePointer<CChar>?, _ isOld: CInt,
    _ targetSize: Int, _ bytes: UnsafePointer<CChar>?, _ size: Int
) -> CInt {
    guard let method = unsafe method, let connection = unsafe Callbacks.connection(slot) else {
        return 0
    }
    let piece = unsafe UnsafeRawBufferPointer(start: bytes, count: size)
    return unsafe connection.access(
        method: method, isOld: isOld != 0, targetSize: targetSize, piece: piece) ? 1 : 0
}

private func ended(_ slot: UnsafeMutableRawPointer?) {
    unsafe Callbacks.connection(slot)?.ended()
}

private func log(_ context: UnsafeMutableRawPointer?, _ line: UnsafePointer<CChar>?) {
    guard let context = unsafe context, let line = unsafe line else { return }
    // SAFETY: as in `opened`.
    let core = unsafe Unmanaged<ServerCore>.fromOpaque(context).takeUnretainedValue()
    guard let log = core.log else { return }
    var text = unsafe String(cString: line)
    while let line = text.before("\n") { text = line }
    log(text)
}
