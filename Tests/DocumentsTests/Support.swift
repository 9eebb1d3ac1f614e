import Bytes
import Documents
import Foundation
import JSON
import Model
import Testing

func json(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }

func json(_ document: some DocumentEncodable) throws -> JSONValue {
    try JSONValue.parse(document.document().bytes)
}

func pod(_ text: String) throws -> PodSpec { try PodSpec.decode(json(text), name: web) }

/// The faults of a document, as `pointer: detail`; `!` if the pointer is not supported.
func faults(_ body: () throws -> Void) -> [String] {
    do {
        try body()
        return []
    } catch let faults as DocumentFaults {
        return faults.faults.map { "\($0.pointer)\($0.isNotSupported ? "!" : ""): \($0.detail)" }
    } catch { return ["not faults: \(error)"] }
}

func places(_ body: () throws -> Void) -> [String] {
    do {
        try body()
        return []
    } catch let faults as DocumentFaults {
        return faults.faults.map { $0.pointer.text + ($0.isNotSupported ? "!" : "") }
    } catch { return ["not faults: \(error)"] }
}

func label(_ text: String) -> Label {
    guard let label = Label(text) else { preconditionFailure(text) }
    return label
}

func signal(_ number: Int) -> Signal {
    guard let signal = Signal(number: number) else { preconditionFailure("\(number)") }
    return signal
}

let web = label("web")
let app = label("app")
let uid = UID(high: 0x019a_bf5e_8d3a_7c11, low: 0x9a56_3b1f_0c2d_4e5f)
let appUID = UID(high: 0x019a_bf5e_8d3a_7c12, low: 0x9a56_3b1f_0c2d_4e60)
let webPod = PodReference(name: web, uid: uid)
let webApp = TaskReference(name: app, uid: appUID, pod: webPod)
let noon = Timestamp(milliseconds: 1_700_000_000_123)
let noonText = "2023-11-14T22:13:20.123Z"

/// The schemas of openapi/staunch.json, by name.
func schemas() throws -> JSONValue {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let file = try Data(contentsOf: URL(filePath: "/\(root)/openapi/staunch.json"))
    let document = try JSONValue.parse(Array(file))
    return try #require(document["components"]?["schemas"])
}
