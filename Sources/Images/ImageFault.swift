// Why something of an image is not accepted.

/// The first fault that was found. The code is a part of the API, and the detail is for people.
package struct ImageFault: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        /// The text is no reference to an image.
        case referenceInvalid = "reference-invalid"
        /// A document breaks its specification, or a limit.
        case imageInvalid = "image-invalid"
        /// A document describes something else than an image: an OCI artifact.
        case notAnImage = "not-an-image"
        /// The image exists, but not for the platform.
        case platformUnknown = "platform-unknown"
    }

    package let code: Code
    package let detail: String

    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { "\(code.rawValue): \(detail)" }
}
