// The JSON of a plugin's standard input (SPEC.md section 3, "Deriving request configuration").

import Bytes
import JSON

/// Members that the runtime makes, so those of a file are not passed on.
private let generated: Set = [
    "cniVersion", "name", "capabilities", "runtimeConfig", "prevResult",
]

extension PluginChain {
    /// The plugin's configuration with our version and the network's name. All other members are
    /// as they were written. `more` adds members.
    func input(
        _ plugin: PluginConfiguration, labels: [String: String] = [:],
        _ more: (inout RequestInput) -> Void
    ) -> [UInt8] {
        var input = RequestInput()
        input.writer.beginObject()
        input.writer.member("cniVersion", version.description)
        input.writer.member("name", configuration.name)
        for member in plugin.members
        where !generated.contains(member.name) && !member.name.begins(with: "cni.dev/") {
            let isReplaced = member.name == "args" && !labels.isEmpty
            if !isReplaced { input.raw(member) }
        }
        if !labels.isEmpty { input.write(labels, into: plugin.members) }
        more(&input)
        input.writer.endObject()
        return input.writer.finish().bytes
    }
}

/// Writes the members that the runtime adds to a plugin's configuration.
struct RequestInput: ~Copyable {
    var writer = JSONWriter()

    mutating func raw(_ member: RawMember) {
        writer.key(member.name)
        writer.raw(member.text)
    }

    /// `runtimeConfig`: the values that the attachment has and the plugin declares.
    mutating func write(_ arguments: CapabilityArguments, declared: Set<String>) {
        let members = arguments.members.filter { declared.contains($0.name) }
        guard !members.isEmpty else { return }
        writer.key("runtimeConfig")
        writer.value(.object(members))
    }

    mutating func write(_ previous: AddResult?, as version: CNIVersion) {
        guard let previous else { return }
        writer.key("prevResult")
        writer.raw(previous.bytes(as: version))
    }

    /// GC's list, also under the name that libcni and older plugins use (containernetworking/cni
    /// #1101).
    mutating func write(_ valid: [ValidAttachment]) {
        for name in ["cni.dev/valid-attachments", "cni.dev/attachments"] {
            writer.key(name)
            writer.beginArray()
            for attachment in valid {
                writer.beginObject()
                writer.member("containerID", attachment.containerID)
                writer.member("ifname", attachment.interface)
                writer.endObject()
            }
            writer.endArray()
        }
    }

    /// `args` with `cni.labels` (CONVENTIONS.md), and with the other members of the file's `args`.
    mutating func write(_ labels: [String: String], into members: [RawMember]) {
        let args = object(members, "args")
        writer.key("args")
        writer.beginObject()
        for member in args where member.name != "cni" { raw(member) }
        writer.key("cni")
        writer.beginObject()
        for member in object(args, "cni") where member.name != "labels" { raw(member) }
        writer.list("labels", labels.sorted { ByteKey($0.key) < ByteKey($1.key) }) {
            writer, label in
            writer.beginObject()
            writer.member("key", label.key)
            writer.member("value", label.value)
            writer.endObject()
        }
        writer.endObject()
        writer.endObject()
    }

    /// The members of the object that is the member `name`; none if it is no object.
    private func object(_ members: [RawMember], _ name: String) -> [RawMember] {
        guard let member = members.first(where: { $0.name.isSame(as: name) }) else { return [] }
        do throws(JSONFault) {
            return try JSONSource.parse(member.text).members.map {
                RawMember(name: $0.name, text: $0.source.text)
            }
        } catch {
            return []  // the text is a part of a parsed text
        }
    }
}
