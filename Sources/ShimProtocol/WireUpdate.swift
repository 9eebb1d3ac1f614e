// A change of a living task's limits and restarts, which a shim makes wholly or not at all.

package import Kernel

package struct WireUpdate: Equatable, Sendable {
    /// The id of the operation. A shim that has made this update does not make it again.
    package let id: String
    /// The changes of control files, in their order.
    package let writes: [ControlWrite]
    /// The new policy; `nil` if the task is never restarted.
    package let restart: WireRestart?

    /// The name in the bundle of the runtime's document for the attempts after this update.
    package static let configuration = "config.next"

    package init(id: String, writes: [ControlWrite], restart: WireRestart?) {
        self.id = id
        self.writes = writes
        self.restart = restart
    }
}

extension WireUpdate {
    func write(_ writer: inout WireWriter) {
        writer.put(id)
        writer.put(list: writes) { writer, write in
            for text in [write.member, write.controller, write.file, write.text] {
                writer.put(text)
            }
            writer.put(flag: write.isNeeded)
            writer.put(flag: write.isInherited)
        }
        writer.put(optional: restart) { writer, restart in restart.write(&writer) }
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> WireUpdate {
        WireUpdate(
            id: try reader.text(),
            writes: try reader.list { (reader: inout WireReader) throws(WireFault) in
                ControlWrite(
                    member: try reader.text(), controller: try reader.text(),
                    file: try reader.text(), text: try reader.text(),
                    isNeeded: try reader.flag(), isInherited: try reader.flag())
            },
            restart: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try WireRestart.read(&reader)
            })
    }
}
