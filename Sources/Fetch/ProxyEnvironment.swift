// The environment variables that libcurl reads, and that an administrator gives by name. Every
// other variable is removed: SSLKEYLOGFILE, for one, would write the keys of TLS to a file.

import Linux

enum ProxyEnvironment {
    static let names = [
        "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
        "NO_PROXY",
    ]

    /// Keeps only these variables. Call it before any thread exists.
    static func apply() {
        // libcurl does not read this one, because in a CGI program it comes from the client. Here
        // it is the administrator's, as in other container engines.
        let upper = Environment.value(of: "HTTP_PROXY")
        Environment.keepOnly(names)
        if let upper, Environment.value(of: "http_proxy") == nil {
            Environment.set("http_proxy", upper)
        }
    }
}
