//  Common functions for writing both records: short names, and times as numbers.

import Bytes
import JSON
import Kernel
import Model

/// A record of the current version with the members that `body` writes.
func writeRecord(_ body: (inout JSONWriter) -> Void) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("v", RecordReader.version)
    body(&writer)
    writer.endObject()
    return writer.finish().bytes
}

// A member that is `nil` is left out.
extension JSONWriter {
    mutating func bits(_ name: StaticString, _ number: UInt64) {
        member(name, Int64(bitPattern: number))
    }

    mutating func time(_ name: StaticString, _ time: Timestamp?) {
        if let time { member(name, time.milliseconds) }
    }

    mutating func some(_ name: StaticString, _ text: String?) {
        if let text { member(name, text) }
    }

    mutating func some(_ name: StaticString, _ uid: UID?) {
        if let uid { member(name, uid) }
    }

    mutating func some(_ name: StaticString, _ number: Int64?) {
        if let number { member(name, number) }
    }

    mutating func some(_ name: StaticString, _ resources: Resources?) {
        guard let resources else { return }
        key(name)
        Resources.members.writeObject(resources, to: &self)
    }

    mutating func process(_ name: StaticString, _ process: ProcessIdentity?) {
        guard let process else { return }
        key(name)
        beginObject()
        member("pid", Int64(process.pid))
        bits("ticks", process.startTicks)
        endObject()
    }

    mutating func exit(_ name: StaticString, _ exit: TaskExit?) {
        guard let exit else { return }
        key(name)
        writeExit(exit)
    }

    /// Neither code nor signal means that the exit is unknown.
    mutating func writeExit(_ exit: TaskExit) {
        beginObject()
        switch exit.status {
        case .code(let code): member("code", Int64(code))
        case .signal(let signal): member("signal", Int64(signal))
        case .neverRan(let signal):
            member("neverRan", true)
            member("signal", signal.map(Int64.init))
        case .unknown: break
        }
        member("oom", exit.oomKilled)
        time("at", Timestamp(milliseconds: exit.finishedAt))
        endObject()
    }
}

extension RecordReader {
    func process() throws(RecordFault) -> ProcessIdentity {
        ProcessIdentity(
            pid: try self["pid"].integer(as: Int32.self), startTicks: try self["ticks"].bits())
    }

    func resources() throws(RecordFault) -> Resources {
        var resources = Resources()
        try Resources.members.restore(self, into: &resources)
        return resources
    }

    func exit() throws(RecordFault) -> TaskExit {
        TaskExit(
            status: try exitStatus(), oomKilled: try self["oom"].bool(),
            finishedAt: try self["at"].time().milliseconds)
    }

    func signal() throws(RecordFault) -> Signal {
        let number = try integer(as: Int.self)
        guard let signal = Signal(number: number) else {
            throw RecordFault.malformed(pointer, "is not a signal")
        }
        return signal
    }

    private func exitStatus() throws(RecordFault) -> TaskExit.Status {
        if let code = optional("code") { return .code(try code.integer(as: Int32.self)) }
        let signal = optional("signal")
        if let never = optional("neverRan"), try never.bool() {
            return .neverRan(
                signal: try signal.map { (reader) throws(RecordFault) in
                    try reader.signal().number
                })
        }
        if let signal { return .signal(try signal.signal().number) }
        return .unknown
    }
}
