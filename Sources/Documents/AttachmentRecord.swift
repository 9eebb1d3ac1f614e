//  The attachments of a pod to networks of plugins, in its record and in the note on the disk.

import JSON
import Kernel
package import Model

extension PodAttachment {
    /// The document that `init(note:)` reads.
    package static func note(_ attachments: [PodAttachment]) -> [UInt8] {
        writeRecord { writer in
            writer.key("cni")
            write(attachments, to: &writer)
        }
    }

    /// Reads a document that `note(_:)` wrote.
    package static func read(note: [UInt8]) throws(RecordFault) -> [PodAttachment] {
        try RecordReader(record: note)["cni"].attachments()
    }

    static func write(_ attachments: [PodAttachment], to writer: inout JSONWriter) {
        writer.beginArray()
        for attachment in attachments { attachment.write(to: &writer) }
        writer.endArray()
    }

    private func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("net", network)
        writer.member("if", interface)
        writer.member("file", file)
        writer.member("list", isList)
        writer.member("conf", text(configuration))
        writer.member("version", version)
        writer.member("dirs", directories)
        writer.key("args")
        writer.beginArray()
        for argument in arguments {
            writer.beginArray()
            writer.value(argument.name)
            writer.value(argument.value)
            writer.endArray()
        }
        writer.endArray()
        writer.member("labels", labels)
        writer.member("caps", capabilities.mapValues(text))
        writer.process("shim", shim)
        if let made {
            writer.key("made")
            made.write(to: &writer)
        }
        writer.endObject()
    }
}

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

extension PodAttachment.Made {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("result", text(result))
        writer.some("mac", mac)
        writer.some("host", hostInterface)
        writer.member("ips", addresses.map(\.description))
        writer.member("gws", gateways.map(\.description))
        writer.endObject()
    }
}

extension RecordReader {
    func attachments() throws(RecordFault) -> [PodAttachment] {
        try elements().map { element throws(RecordFault) in try element.attachment() }
    }

    private func attachment() throws(RecordFault) -> PodAttachment {
        PodAttachment(
            network: try self["net"].string(), interface: try self["if"].string(),
            file: try self["file"].string(), isList: try self["list"].bool(),
            configuration: Array(try self["conf"].string().utf8),
            version: try self["version"].string(), directories: try self["dirs"].strings(),
            arguments: try self["args"].elements().map { pair throws(RecordFault) in
                try pair.argument()
            },
            labels: try self["labels"].stringMap(),
            capabilities: try self["caps"].stringMap().mapValues { Array($0.utf8) },
            shim: try optional("shim")?.process(), made: try optional("made")?.made())
    }

    private func argument() throws(RecordFault) -> PodAttachment.Argument {
        let pair = try strings()
        guard pair.count == 2 else { throw RecordFault.malformed(pointer, "is not a pair") }
        return PodAttachment.Argument(pair[0], pair[1])
    }

    private func made() throws(RecordFault) -> PodAttachment.Made {
        PodAttachment.Made(
            result: Array(try self["result"].string().utf8), mac: optional("mac")?.value.string,
            hostInterface: optional("host")?.value.string,
            addresses: try interfaceAddresses(), gateways: try interfaceGateways())
    }

    /// The addresses of a pod's interface, made by the shim or by plugins.
    func interfaceAddresses() throws(RecordFault) -> [IPPrefix] {
        try self["ips"].elements().map { x throws(RecordFault) in try x.parsed { IPPrefix($0) } }
    }

    func interfaceGateways() throws(RecordFault) -> [IPAddress] {
        try self["gws"].elements().map { x throws(RecordFault) in try x.parsed { IPAddress($0) } }
    }
}
