// How an unpacking ended: one line of JSON, in the file that is the helper's standard output.
//
// The helper writes the line in one call, at most one page. It is whole if it ends with a newline;
// an empty file, or a part of a line, means that the helper died, and the ingest begins anew.

import Bytes
package import JSON

/// The result of `staunch-layer unpack`.
package enum LayerResult: Equatable, Sendable {
    /// The tree is complete and both digests fit. The description has no implied directories:
    /// layer.json has them.
    case done(LayerDescription)
    case refused(LayerRefusal)

    /// The line that the helper writes, with its newline.
    package var line: [UInt8] {
        var json = JSONWriter()
        switch self {
        case .done(let description):
            json.beginObject()
            json.member("state", "done")
            description.writeSummary(to: &json)
            json.endObject()
        case .refused(let refusal): refusal.write(to: &json)
        }
        return json.finish().bytes + [UInt8(ascii: "\n")]
    }

    /// `nil` if the helper did not write all of it.
    package init?(_ bytes: [UInt8]) {
        guard bytes.last == UInt8(ascii: "\n"), let json = parsed(bytes) else { return nil }
        switch json["state"]?.string {
        case "done":
            guard case .object(let members) = json else { return nil }
            let implied = JSONMember(name: "implied", value: .array([]))
            guard let found = LayerDescription(.object(members + [implied])) else { return nil }
            self = .done(found)
        case "refused":
            guard let refusal = LayerRefusal(json) else { return nil }
            self = .refused(refusal)
        default: return nil
        }
    }
}

extension LayerRefusal {
    /// An object whose `state` is `refused`.
    package func write(to json: inout JSONWriter) {
        json.beginObject()
        json.member("state", "refused")
        json.member("code", code.rawValue)
        json.member("entry", entry)
        json.member("detail", detail)
        json.member("errno", errno)
        json.endObject()
    }

    init?(_ json: JSONValue) {
        guard let code = json["code"]?.string.flatMap({ Code(rawValue: $0) }),
            let entry = json["entry"]?.string, let detail = json["detail"]?.string,
            let errno = json["errno"]?.string,
            let bytes = EscapedName.bytes(of: entry)
        else { return nil }
        self.init(code, detail, entry: bytes, errno: errno)
    }
}

private func parsed(_ bytes: [UInt8]) -> JSONValue? {
    do { return try JSONValue.parse(bytes) } catch { return nil }
}
