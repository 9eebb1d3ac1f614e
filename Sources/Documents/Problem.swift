//  A refusal as a problem document (RFC 9457).

package import JSON
package import Model

/// A problem document (`application/problem+json`).
package struct Problem: Error, DocumentEncodable, Equatable, Sendable {
    package let code: ProblemCode
    package let title: String
    /// The HTTP status.
    package let status: Int
    /// The cause of this occurrence, for people.
    package let detail: String
    /// The path of the request.
    package let instance: String
    package var hint: String?
    package var retryable: Bool
    /// The operation that conflicts, or that failed.
    package var operation: UID?
    package var errors: [DocumentFault]
    /// The step at which an operation failed.
    package var step: StepName?
    /// The uid that has the name now (`uid-mismatch`).
    package var currentUid: UID?

    /// Takes the title, the status, the hint and `retryable` from the code.
    package init(
        _ code: ProblemCode, _ detail: String, instance: String, operation: UID? = nil,
        errors: [DocumentFault] = [], currentUid: UID? = nil
    ) {
        self.code = code
        title = code.title
        status = code.status
        self.detail = detail
        self.instance = instance
        hint = code.hint
        retryable = code.retryable
        self.operation = operation
        self.errors = errors
        self.currentUid = currentUid
    }

    /// The problem for a refused document.
    package init(_ faults: DocumentFaults, instance: String) {
        self.init(faults.code, faults.detail, instance: instance, errors: faults.faults)
    }

    /// The problem for a body that is not JSON.
    package init(_ fault: JSONFault, instance: String) {
        let code: ProblemCode =
            switch fault.kind {
            case .tooDeep: .tooDeep
            case .empty, .notUTF8, .duplicateMember, .trailingBytes, .numberOutOfRange,
                .malformed:
                .malformedJSON
            }
        let error = DocumentFault(pointer: fault.pointer, detail: fault.detail)
        self.init(code, fault.detail, instance: instance, errors: [error])
    }

    /// The problem for the failure of an operation; `nil` if no problem has its code.
    package init?(_ failure: Failure, instance: String, operation: UID?) {
        guard let code = ProblemCode(rawValue: failure.code) else { return nil }
        self.init(code, failure.detail, instance: instance, operation: operation)
        step = failure.step
    }

    /// An internal fault. The API makes it in one place, after it has logged `id` and the cause.
    package init(internal id: UID, _ cause: String, instance: String) {
        self.init(.internalFault, "\(cause) (id \(id))", instance: instance)
    }

    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("type", code.typeReference)
        writer.member("title", title)
        writer.member("status", status)
        writer.member("code", code.rawValue)
        writer.member("detail", detail)
        writer.member("instance", instance)
        writer.member("hint", hint)
        writer.member("retryable", retryable)
        writer.member("operation", operation)
        if let step { writer.member("step", step.text) }
        if !errors.isEmpty { writeErrors(to: &writer) }
        if let currentUid { writer.member("currentUid", currentUid) }
        writer.endObject()
    }

    private func writeErrors(to writer: inout JSONWriter) {
        writer.key("errors")
        writer.beginArray()
        for error in errors {
            writer.beginObject()
            writer.member("pointer", error.pointer.text)
            writer.member("detail", error.detail)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension ProblemCode: DocumentEncodable {
    /// A relative reference to the document of this code, see `write`.
    package var typeReference: String { "/problems/\(rawValue)" }

    /// `GET /problems/{code}`.
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", rawValue)
        writer.member("title", title)
        writer.member("status", status)
        writer.member("description", description)
        writer.member("retryable", retryable)
        writer.member("hint", hint)
        writer.endObject()
    }
}
