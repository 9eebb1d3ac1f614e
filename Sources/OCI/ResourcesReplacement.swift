// Replaces the limits in a document that `RuntimeSpec.document` wrote. All else in it stays byte
// for byte: the user, the devices and the filter were found when the task was made, and the next
// attempt must not get others. The document is not parsed, because it may contain numbers that
// JSON's readers do not take, such as the limit RLIM_INFINITY.

import Bytes
import JSON
package import Model

extension RuntimeSpec {
    /// `nil` if the document is not ours.
    package static func replacing(
        resources: TaskResources, _ host: HostTraits, in document: [UInt8]
    ) -> [UInt8]? {
        let text = DocumentText(bytes: document)
        guard let linux = text.value("linux", inObjectAt: 0),
            let place = text.value("resources", inObjectAt: linux.lowerBound),
            let devices = text.value("devices", inObjectAt: place.lowerBound)
        else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("devices")
        writer.raw(Array(document[devices]))
        self.resources(resources, host, to: &writer)
        writer.endObject()
        return document[..<place.lowerBound] + writer.finish().bytes
            + document[place.upperBound...]
    }
}

/// A JSON text without spaces between its tokens, as `JSONWriter` writes it.
private struct DocumentText {
    let bytes: [UInt8]

    /// The place of a member's value; `nil` if the object has no such member.
    func value(_ name: String, inObjectAt start: Int) -> Range<Int>? {
        var index = start + 1
        while index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
            let colon = endOfString(index)
            let key = bytes[index..<min(colon, bytes.count)].dropFirst().dropLast()
            let value = colon + 1
            let end = endOfValue(value)
            guard end <= bytes.count, value < end else { return nil }
            if key.elementsEqual(name.utf8) { return value..<end }
            index = end + 1  // after the comma, or after the object's end
        }
        return nil
    }

    private func endOfString(_ start: Int) -> Int {
        var index = start + 1
        while index < bytes.count, bytes[index] != UInt8(ascii: "\"") {
            index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return index + 1
    }

    private func endOfValue(_ start: Int) -> Int {
        var (index, depth) = (start, 0)
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index = endOfString(index)
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return index }
                depth -= 1
            case UInt8(ascii: ","): if depth == 0 { return index }
            default: break
            }
            index += 1
        }
        return index
    }
}
