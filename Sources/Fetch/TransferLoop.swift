// Drives all transfers on one thread (libcurl-multi(3)), and wakes up for one more descriptor.

import Bytes
import CCurl

/// A transfer that has ended.
struct EndedTransfer {
    let transfer: Transfer
    let result: TransferResult
}

/// What libcurl says of a transfer, without the answer's status.
enum TransferResult: Equatable, Sendable {
    case complete
    /// Our sink ended it.
    case stopped
    /// TLS with the peer failed, or a scheme is not permitted: trying again does not help.
    case untrusted(String)
    /// No connection, a cut, a stall.
    case broken(String)

    fileprivate init(_ code: CURLcode) {
        // SAFETY: a static string.
        let text = unsafe String(cString: curl_easy_strerror(code))
        self =
            switch code {
            case CURLE_OK: .complete
            case CURLE_WRITE_ERROR: .stopped
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
                CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT:
                .untrusted(text)
            case CURLE_OPERATION_TIMEDOUT: .broken("no byte for too long")
            default: .broken(text)
            }
    }
}

@safe final class TransferLoop {
    // SAFETY: made in `init`, freed in `deinit`; only curl uses it.
    private let multi: UnsafeMutableRawPointer
    private var running: [UInt: Transfer] = [:]  // by the handle's address
    /// Ends every wait when it is readable.
    private let wakeUp: CInt

    init(wakeUp: CInt) {
        guard let multi = unsafe curl_multi_init() else {
            fatalError("libcurl does not start: out of memory")
        }
        unsafe self.multi = multi
        self.wakeUp = wakeUp
        _ = unsafe ccurl_set_multi(multi, CURLMOPT_MAXCONNECTS, 8)
    }

    deinit {
        for transfer in running.values {
            _ = unsafe curl_multi_remove_handle(multi, transfer.handle)
        }
        _ = unsafe curl_multi_cleanup(multi)
    }

    func start(_ transfer: Transfer) {
        // SAFETY: the transfer is held until curl has given its handle back.
        running[unsafe UInt(bitPattern: transfer.handle)] = transfer
        _ = unsafe curl_multi_add_handle(multi, transfer.handle)
    }

    /// Moves data, waits if there is none, and returns the transfers that ended: perhaps none.
    func step(milliseconds: Int) -> [EndedTransfer] {
        var count: CInt = 0
        _ = unsafe curl_multi_perform(multi, &count)
        let ended = takeEnded()
        if !ended.isEmpty { return ended }
        var extra = curl_waitfd(fd: wakeUp, events: Int16(CURL_WAIT_POLLIN), revents: 0)
        _ = unsafe curl_multi_poll(multi, &extra, 1, CInt(clamping: milliseconds), nil)
        return []
    }

    private func takeEnded() -> [EndedTransfer] {
        var ended: [EndedTransfer] = []
        var left: CInt = 0
        while let message = unsafe curl_multi_info_read(multi, &left) {
            // SAFETY: the message is valid until the handle is removed; both values are copied.
            let result = unsafe TransferResult(ccurl_message_result(message))
            guard let handle = unsafe message.pointee.easy_handle,
                let transfer = running.removeValue(forKey: UInt(bitPattern: handle))
            else { continue }
            _ = unsafe curl_multi_remove_handle(multi, handle)
            ended.append(EndedTransfer(transfer: transfer, result: result))
        }
        return ended
    }
}
