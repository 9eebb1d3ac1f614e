// One HTTP request over libcurl and its answer.
//
// A redirect is not followed by libcurl but by us: with libcurl, own header lines, a client
// certificate and `skip_verify` would go along to another host.

import Bytes
import CCurl

/// What is sent, and how the peer is verified.
struct TransferRequest: Equatable, Sendable {
    var url: String
    /// Lines `name: value`.
    var headers: [String] = []
    var authorization = Authorization.none
    var trust = Trust()
    /// Whether http is permitted.
    var isPlain = false
    /// A form, which makes the request a POST.
    var form: String?
    /// Seconds without a byte after which the transfer ends.
    var stall = 30
}

enum Authorization: Equatable, Sendable {
    case none
    case basic(user: String, password: String)
    case bearer(String)
}

/// Receives the body of an answer.
protocol TransferSink: AnyObject {
    /// Returns `false` to end the transfer.
    func take(_ bytes: Span<UInt8>, _ head: ResponseHead) -> Bool
}

@safe final class Transfer {
    // SAFETY: made in `init`, freed in `deinit`; only curl uses it. A `TransferLoop` that has it
    // also holds this object.
    let handle: UnsafeMutableRawPointer
    let request: TransferRequest
    let sink: any TransferSink
    private(set) var head = ResponseHead()
    private var lines: UnsafeMutablePointer<curl_slist>?

    init(_ request: TransferRequest, into sink: any TransferSink) {
        guard curlIsReady, let handle = unsafe curl_easy_init() else {
            fatalError("libcurl does not start: out of memory")
        }
        unsafe self.handle = handle
        self.request = request
        self.sink = sink
        setAddress()
        setTrust()
        setCallbacks()
    }

    deinit {
        unsafe curl_easy_cleanup(handle)
        unsafe curl_slist_free_all(lines)
    }

    /// Where the answer redirects to; `nil` if it does not.
    var redirect: String? {
        // SAFETY: the text is curl's, ends in NUL, and is copied.
        unsafe ccurl_redirect_url(handle).map { unsafe String(cString: $0) }
    }

    /// Seconds of Retry-After; `nil` if there is none.
    var retryAfter: Int? {
        let seconds = unsafe ccurl_retry_after(handle)
        return seconds > 0 ? seconds : nil
    }

    private func setAddress() {
        set(CURLOPT_URL, request.url)
        let schemes = request.isPlain ? "http,https" : "https"
        set(CURLOPT_PROTOCOLS_STR, schemes)
        set(CURLOPT_USERAGENT, "staunch")
        for line in request.headers { append(line) }
        if let form = request.form { set(CURLOPT_COPYPOSTFIELDS, form) }
        unsafe ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, lines)
        switch request.authorization {
        case .none: break
        case .basic(let user, let password):
            set(CURLOPT_HTTPAUTH, 1)  // CURLAUTH_BASIC, a macro
            set(CURLOPT_USERNAME, user)
            set(CURLOPT_PASSWORD, password)
        case .bearer(let token):
            set(CURLOPT_HTTPAUTH, 1 << 6)  // CURLAUTH_BEARER
            set(CURLOPT_XOAUTH2_BEARER, token)
        }
        // Without this, curl's resolver uses a signal, which is unsafe in a program with threads.
        set(CURLOPT_NOSIGNAL, 1)
        set(CURLOPT_CONNECTTIMEOUT, request.stall)
        // One byte in this time is enough: a slow registry is not a dead one.
        set(CURLOPT_LOW_SPEED_LIMIT, 1)
        set(CURLOPT_LOW_SPEED_TIME, request.stall)
        set(CURLOPT_BUFFERSIZE, 128 << 10)
    }

    private func setTrust() {
        // The directory alone: it is read as far as needed, and the bundle takes 4 MB of memory.
        unsafe ccurl_set_pointer(handle, CURLOPT_CAINFO, nil)
        set(CURLOPT_CAPATH, "/etc/ssl/certs")
        if !request.trust.authorities.isEmpty {
            set(CURLOPT_CAINFO_BLOB, blob: request.trust.authorities)
        }
        if !request.trust.certificate.isEmpty {
            set(CURLOPT_SSLCERT_BLOB, blob: request.trust.certificate)
            set(CURLOPT_SSLKEY_BLOB, blob: request.trust.key)
        }
        if request.trust.skipsVerification {
            set(CURLOPT_SSL_VERIFYPEER, 0)
            set(CURLOPT_SSL_VERIFYHOST, 0)
        }
    }

    private func setCallbacks() {
        // SAFETY: curl calls back only inside of a `TransferLoop`, which holds this object.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe ccurl_set_writer(handle, CURLOPT_WRITEFUNCTION, bodyCame)
        unsafe ccurl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        unsafe ccurl_set_writer(handle, CURLOPT_HEADERFUNCTION, lineCame)
        unsafe ccurl_set_pointer(handle, CURLOPT_HEADERDATA, context)
    }

    /// curl copies the text.
    private func set(_ option: CURLoption, _ text: String) {
        _ = unsafe text.withCString { unsafe ccurl_set_pointer(handle, option, $0) }
    }

    private func set(_ option: CURLoption, _ number: Int) {
        _ = unsafe ccurl_set_number(handle, option, number)
    }

    private func set(_ option: CURLoption, blob: [UInt8]) {
        // SAFETY: curl copies the bytes.
        _ = unsafe blob.withUnsafeBytes { raw in
            unsafe ccurl_set_blob(handle, option, raw.baseAddress, raw.count)
        }
    }

    private func append(_ line: String) {
        guard let longer = unsafe curl_slist_append(lines, line) else { return }
        unsafe lines = longer
    }

    fileprivate func takeLine(_ line: [UInt8]) -> Bool { head.read(line: line) }
}

/// Initializes curl once, before the first handle.
private let curlIsReady = ccurl_start() == CURLE_OK

private func bodyCame(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(context) else { return 0 }
    // SAFETY: curl's buffer has that many bytes, and lives for this call.
    let raw = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe raw.withMemoryRebound(to: UInt8.self) { buffer in
        transfer.sink.take(unsafe buffer.span, transfer.head) ? size * count : 0
    }
}

private func lineCame(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer(context) else { return 0 }
    let line = unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: size * count))
    return transfer.takeLine(line) ? line.count : 0
}

// SAFETY: `Transfer.setCallbacks` has set the pointer.
private func transfer(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    guard let context = unsafe context else { return nil }
    return unsafe Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
}
