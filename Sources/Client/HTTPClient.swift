// An HTTP/1.1 client over libcurl: one connection, kept alive, for one thread at a time.

import Bytes
import CCurl

@safe package final class HTTPClient {
    // SAFETY: made in `init`, freed in `deinit`, and passed only to curl.
    private let handle: UnsafeMutableRawPointer
    private let endpoint: Endpoint
    private let isCanceled: () -> Bool

    /// `isCanceled` is called once a second while a request is under way; `true` ends the request.
    package init(_ endpoint: Endpoint, isCanceled: @escaping () -> Bool = { false }) {
        guard curlIsReady, let handle = unsafe curl_easy_init() else {
            fatalError("libcurl does not start: out of memory")
        }
        unsafe self.handle = handle
        self.endpoint = endpoint
        self.isCanceled = isCanceled
    }

    deinit { unsafe curl_easy_cleanup(handle) }

    /// Sends the request and reads the whole answer, with any status.
    package func send(_ request: Request) throws(ClientFailure) -> Answer {
        try perform(request, Transfer(onBytes: nil, isCanceled: isCanceled))
    }

    /// Sends the request and passes on the body as it arrives, until `onBytes` returns `false` or
    /// the body ends.
    @discardableResult
    package func stream(
        _ request: Request, _ onBytes: @escaping ([UInt8]) -> Bool
    ) throws(ClientFailure) -> Answer {
        try perform(request, Transfer(onBytes: onBytes, isCanceled: isCanceled))
    }

    private func perform(
        _ request: Request, _ transfer: Transfer
    ) throws(ClientFailure) -> Answer {
        unsafe curl_easy_reset(handle)  // the connection stays open
        let headers = HeaderList(request)
        setAddress(request)
        unsafe ccurl_set_pointer(handle, CURLOPT_HTTPHEADER, headers.first)
        setPatience(request.patience)
        // SAFETY: `transfer` and `headers` live until curl has returned, and so does the body.
        let code = withExtendedLifetime((transfer, headers)) {
            unsafe setCallbacks(Unmanaged.passUnretained(transfer).toOpaque())
            guard let body = request.sentBody else { return unsafe curl_easy_perform(handle) }
            return unsafe body.withUnsafeBytes { raw in
                unsafe setBody(raw)
                return unsafe curl_easy_perform(handle)
            }
        }
        if let failure = failure(code) { throw failure }
        let status = unsafe ccurl_status(handle)
        return Answer(status: status, headers: transfer.headers, body: transfer.body)
    }

    /// curl copies the strings.
    private func setAddress(_ request: Request) {
        unsafe setText(handle, CURLOPT_URL, endpoint.origin + request.target)
        unsafe setText(handle, CURLOPT_CUSTOMREQUEST, request.method)
        if case .unix(let path) = endpoint {
            unsafe setText(handle, CURLOPT_UNIX_SOCKET_PATH, path)
        }
        // Proxies of the environment do not apply to loopback and unix sockets.
        unsafe setText(handle, CURLOPT_NOPROXY, "*")
        // Without this, curl's resolver uses a signal, which is unsafe in a program with threads.
        unsafe ccurl_set_number(handle, CURLOPT_NOSIGNAL, 1)
        if request.method == "HEAD" { unsafe ccurl_set_number(handle, CURLOPT_NOBODY, 1) }
    }

    private func setPatience(_ seconds: Double?) {
        guard let seconds else { return }
        let milliseconds = Int((min(max(seconds, 0.001), 1e6) * 1000).rounded())
        unsafe ccurl_set_number(handle, CURLOPT_TIMEOUT_MS, milliseconds)
    }

    @unsafe private func setCallbacks(_ context: UnsafeMutableRawPointer) {
        unsafe ccurl_set_writer(handle, CURLOPT_WRITEFUNCTION, bodyCame)
        unsafe ccurl_set_pointer(handle, CURLOPT_WRITEDATA, context)
        unsafe ccurl_set_writer(handle, CURLOPT_HEADERFUNCTION, headerCame)
        unsafe ccurl_set_pointer(handle, CURLOPT_HEADERDATA, context)
        unsafe ccurl_set_number(handle, CURLOPT_NOPROGRESS, 0)
        unsafe ccurl_set_observer(handle, observe)
        unsafe ccurl_set_pointer(handle, CURLOPT_XFERINFODATA, context)
    }

    @unsafe private func setBody(_ bytes: UnsafeRawBufferPointer) {
        unsafe ccurl_set_number(handle, CURLOPT_POSTFIELDSIZE, bytes.count)
        // NULL would mean that curl reads the body through a callback.
        if unsafe bytes.isEmpty {
            unsafe setText(handle, CURLOPT_COPYPOSTFIELDS, "")
        } else {
            unsafe ccurl_set_pointer(handle, CURLOPT_POSTFIELDS, bytes.baseAddress)
        }
    }

    private func failure(_ code: CURLcode) -> ClientFailure? {
        // SAFETY: a static string.
        let text = unsafe String(cString: curl_easy_strerror(code))
        return switch code {
        case CURLE_OK: nil
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_HOST: .unreachable(text)
        case CURLE_OPERATION_TIMEDOUT: .tookTooLong
        case CURLE_ABORTED_BY_CALLBACK, CURLE_WRITE_ERROR: .canceled
        default: .broken(text)
        }
    }
}

/// Initializes curl once, before the first handle.
private let curlIsReady = ccurl_start() == CURLE_OK

@unsafe private func setText(
    _ handle: UnsafeMutableRawPointer, _ option: CURLoption, _ text: String
) {
    _ = unsafe text.withCString { unsafe ccurl_set_pointer(handle, option, $0) }
}

extension Request {
    /// A PUT or POST without a body gets an empty body, so that a Content-Length is sent.
    fileprivate var sentBody: [UInt8]? {
        body ?? (method == "PUT" || method == "POST" ? [] : nil)
    }
}

/// curl's list of header lines, freed in `deinit`.
@safe private final class HeaderList {
    // SAFETY: only curl extends the list, and it is freed once.
    private(set) var first: UnsafeMutablePointer<curl_slist>?

    init(_ request: Request) {
        for (name, value) in request.headers { append("\(name): \(value)") }
        // For a body curl by default sends a form's content type and waits for 100 Continue.
        guard let body = request.sentBody else { return }
        append("Expect:")
        let isNamed = request.headers.contains { $0.name.lowered == "content-type" }
        if body.isEmpty {
            append("Content-Type:")
        } else if !isNamed {
            append("Content-Type: application/json")
        }
    }

    deinit { unsafe curl_slist_free_all(first) }

    private func append(_ line: String) {
        guard let longer = unsafe curl_slist_append(first, line) else { return }
        unsafe first = longer
    }
}
