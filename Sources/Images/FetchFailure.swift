// Why a fetch ends without the image. The codes are a part of the daemon's API, and of the report
// by which the fetcher tells them.

package struct FetchFailure: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The reference is not one.
        case referenceInvalid = "reference-invalid"
        /// The settings of the registry, or the file of credentials, cannot be used.
        case settingsInvalid = "registry-settings-invalid"
        /// No usable answer: no connection, a cut, 5xx, or HTML. A retry may help.
        case registryUnreachable = "registry-unreachable"
        /// 429 or 503. A retry helps, perhaps after `retryAfter`.
        case registryBusy = "registry-busy"
        case registryUnauthorized = "registry-unauthorized"
        /// An answer that our rules or TLS refuse, or that refuses the request itself.
        case registryRefused = "registry-refused"
        case imageUnknown = "image-unknown"
        case platformUnknown = "platform-unknown"
        case imageInvalid = "image-invalid"
        case notAnImage = "not-an-image"
        case digestMismatch = "digest-mismatch"
        case noSpace = "no-space"
        /// A file could not be written or read.
        case storageFailed = "storage-failed"
        /// The caller's plan cannot be read.
        case planInvalid = "plan-invalid"
        case canceled
    }

    package let code: Code
    /// For people. Never contains a credential.
    package let detail: String
    /// Seconds, if the registry gave a time.
    package let retryAfter: Int?

    package init(_ code: Code, _ detail: String, retryAfter: Int? = nil) {
        self.code = code
        self.detail = detail
        self.retryAfter = retryAfter
    }

    package init(_ fault: ImageFault) {
        let code: Code =
            switch fault.code {
            case .referenceInvalid: .referenceInvalid
            case .imageInvalid: .imageInvalid
            case .notAnImage: .notAnImage
            case .platformUnknown: .platformUnknown
            }
        self.init(code, fault.detail)
    }

    package var description: String { "\(code.rawValue): \(detail)" }
}
