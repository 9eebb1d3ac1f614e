//  What is wrong with a request's document: everything at once, each with its place.

package import JSON

/// One thing that a document may not say.
package struct DocumentFault: Equatable, Sendable {
    package let pointer: JSONPointer
    /// For people: half a sentence about the value that `pointer` names.
    package let detail: String
    /// The contract knows this, and this version does not do it.
    package let isNotSupported: Bool

    package init(pointer: JSONPointer, detail: String, isNotSupported: Bool = false) {
        self.pointer = pointer
        self.detail = detail
        self.isNotSupported = isNotSupported
    }
}

/// All faults of a document, of which at most `limit` are told.
package struct DocumentFaults: Error, Equatable, Sendable {
    package let faults: [DocumentFault]
    /// Faults beyond `limit`.
    package let omitted: Int

    /// A body of 1 MiB has room for 100,000 unknown members; nobody reads that reply.
    package static let limit = 256

    package init(faults: [DocumentFault], omitted: Int = 0) {
        self.faults = faults
        self.omitted = omitted
    }

    /// `not-supported` where that is all there is to say, and else `invalid-document`.
    package var code: ProblemCode {
        faults.allSatisfy(\.isNotSupported) ? .notSupported : .invalidDocument
    }

    /// For people: how many, and the first.
    package var detail: String {
        guard let first = faults.first else { return "the document is refused" }
        let place = first.pointer == .root ? "the document" : "'\(first.pointer)'"
        let others = faults.count + omitted - 1
        return "\(place) \(first.detail)" + (others > 0 ? ", and \(others) more" : "")
    }
}

/// Collects faults while a document is read to its end. One for each decoding, never shared.
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

    /// The value, where nothing at all was wrong.
    func finish<Value>(_ value: Value?) throws(DocumentFaults) -> Value {
        guard let value, faults.isEmpty else {
            throw DocumentFaults(faults: faults, omitted: omitted)
        }
        return value
    }
}
