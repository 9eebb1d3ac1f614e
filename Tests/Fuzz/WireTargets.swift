// The messages between daemon and shim in both directions, and a task's exit file. A valid message
// is written as it was read.

import Kernel
import ShimProtocol

@Sendable func fuzzShimRequest(_ bytes: [UInt8]) {
    do throws(WireFault) {
        let (version, id, request) = try ShimRequest.parse(bytes)
        let packet = request.packet(id: id)
        // The arguments of an older daemon's request are not kept.
        must(packet == bytes || version == ShimVersion.oldest, "\(request) is written differently")
        must(try ShimRequest.parse(packet).request == request, "\(request) is another then")
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
}

@Sendable func fuzzShimMessage(_ bytes: [UInt8]) {
    do throws(WireFault) {
        let (version, message) = try ShimMessage.parse(bytes)
        // An older shim's reply is read, and written in the current form.
        let packet = message.packet(version)
        must(packet == bytes || isOldReply(bytes), "\(message) is written differently")
        must(try ShimMessage.parse(packet).message == message, "\(message) is another then")
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
}

/// Version, kind and id come first, then the reply's kind. Old replies are "failed" without a count
/// of dropped bytes.
private func isOldReply(_ bytes: [UInt8]) -> Bool {
    bytes.count > 7 && bytes[2] == 0 && bytes[7] == 5
}

@Sendable func fuzzExitFile(_ bytes: [UInt8]) {
    do throws(WireFault) {
        guard let exit = try TaskExit.parse(fileContent: bytes) else { return }
        let content = exit.fileContent()
        must(content.count <= TaskExit.fileSize, "\(exit) needs \(content.count) bytes")
        must(try TaskExit.parse(fileContent: content) == exit, "\(exit) is another when read again")
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
}

/// The documents of a pod's parts, and those of the network helper.
@Sendable func fuzzPartDocument(_ bytes: [UInt8]) {
    check(bytes, WireVolume.parse(document:), WireVolume.document)
    check(bytes, WireInterface.parse(document:)) { $0.document() }
    check(bytes, WireNetwork.parse(document:)) { $0.document() }
    check(bytes, WireConfigurations.parse(document:)) { $0.document() }
    check(bytes, WireDetachment.parse(document:), WireDetachment.document)
    check(bytes, WirePluginWork.parse(document:)) { $0.document() }
    check(bytes, WirePluginReport.parse(document:)) { $0.document() }
    check(bytes, ExecFile.parse(fileContent:)) { $0.fileContent() }
    check(bytes, WireExecEnd.parse) { $0.packet() }
    check(bytes, WireStream.parse) { $0.packet() }
}

/// The stream of an exec: what a client says is the same however the bytes come. The first byte
/// chooses the framing.
@Sendable func fuzzStreamFrames(_ bytes: [UInt8]) {
    guard let first = bytes.first else { return }
    let framing: StreamFraming = first & 1 == 0 ? .frames : .webSocket
    func read(inChunksOf size: Int) -> [UInt8] {
        var reader = StreamReader(framing)
        var found: [UInt8] = []
        do throws(StreamFault) {
            for start in stride(from: 1, to: bytes.count, by: size) {
                let chunk = bytes[start..<min(start + size, bytes.count)]
                try reader.read(chunk) { input in
                    switch input {
                    case .bytes(let part):
                        must(!part.isEmpty, "an empty part")
                        for byte in part { found += [0, byte] }
                    case .end: found += [1]
                    case .size(let size): found += [2, UInt8(truncatingIfNeeded: size.rows)]
                    case .ping(let payload): found += [3, UInt8(payload.count)] + payload
                    case .closed: found += [4]
                    }
                }
            }
        } catch { must(!error.detail.isEmpty, "a fault without a word") }
        return found
    }
    must(read(inChunksOf: 1) == read(inChunksOf: max(bytes.count, 1)), "the cuts count")
}

private func check<Value>(
    _ bytes: [UInt8], _ parse: ([UInt8]) throws(WireFault) -> Value, _ write: (Value) -> [UInt8]
) {
    do throws(WireFault) {
        let value = try parse(bytes)
        must(write(value) == bytes, "\(value) is written differently")
    } catch { must(!error.detail.isEmpty, "a fault without a word") }
}
