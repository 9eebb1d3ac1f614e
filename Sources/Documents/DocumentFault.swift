//  The faults of a request's document: all of them at once, each with its place.

package import JSON

/// One fault of a document.
package struct DocumentFault: Equatable, Sendable {
    package let pointer: JSONPointer
    /// For people: half a sentence about the value at `pointer`.
    package let detail: String
    /// The contract defines the member, but this version does not support it.
    package let isNotSupported: Bool

    package init(pointer: JSONPointer, detail: String, isNotSupported: Bool = false) {
        self.pointer = pointer
        self.detail = detail
        self.isNotSupported = isNotSupported
    }
}

/// All faults of a document, of which at most `limit` are reported.
package struct DocumentFaults: Error, Equatable, Sendable {
    package let faults: [DocumentFault]
    /// The number of faults beyond `limit`.
    package let omitted: Int

    /// A body of 1 MiB has room for 100,000 unknown members; such a reply helps no reader.
    package static let limit = 256

    package init(faults: [DocumentFault], omitted: Int = 0) {
        self.faults = faults
        self.omitted = omitted
    }

    /// `not-supported` if all faults are of that kind, otherwise `invalid-document`.
    package var code: ProblemCode {
        faults.allSatisfy(\.isNotSupported) ? .notSupported : .invalidDocument
    }

    /// For people: the number of faults, and the first fault.
    package var detail: String {
        guard let first = faults.first else { return "the document is refused" }
        let place = first.pointer == .root ? "the document" : "'\(first.pointer)'"
        let others = faults.count + omitted - 1
        return "\(place) \(first.detail)" + (others > 0 ? ", and \(others) more" : "")
    }
}

/// Collects faults until the document is read to its end. Each decoding has its own log.
final class FaultLog {
    private var faults: [DocumentFault] = []
    private var omitted = 0

    func add(_ pointer: JSONPointer, _ detail: String, isNotSupported: Bool = false) {
        guard faults.count < DocumentFaults.limit else {
            omitted += 1
            return
        }
        faults.append(
            DocumentFault(pointer: pointer, detail: detail, isNotSupported: isNotSupported))
    }

    /// Returns the value if there is no fault.
    func finish<Value>(_ value: Value?) throws(DocumentFaults) -> Value {
        guard let value, faults.isEmpty else {
            throw DocumentFaults(faults: faults, omitted: omitted)
        }
        return value
    }
}
