// The daemon's requests to a shim. Each can be repeated: it then joins the running job, or returns
// the result.

package enum ShimRequest: Equatable, Sendable {
    /// Asks for the shim's identity and state: `status`.
    case status
    /// Mounts the task's overlay on `lower` and resolves `user` in it: `mounted`.
    case mount(task: String, lower: String, user: String)
    /// Runs the runtime (create, or create and start in one); its output goes to the task's log:
    /// `running`.
    case create(task: String, arguments: [String])
    /// Runs the runtime's start: `done`.
    case start(task: String, arguments: [String])
    /// Sends a signal to the task's first process: `done`, or `failed(.notRunning)`.
    case signal(task: String, number: Int32)
    /// Ends the task: sends `signal`, and after `grace` milliseconds SIGKILL to its whole cgroup.
    /// The reply is `done` when it is reaped, its exit is stored and its cgroup is empty. A later
    /// request can only shorten the grace.
    case stop(task: String, signal: Int32, grace: Int64)
    /// Runs the runtime's delete, then removes the task's cgroups: `done` or `stillThere`.
    case delete(task: String, arguments: [String])
    /// Unmounts the task's overlay: `done` or `stillThere`.
    case unmount(task: String)
    /// Removes the task's upper layer, log and bundle, and forgets the task: `done` or
    /// `stillThere`.
    case remove(task: String)
    /// Removes the pod's upper layers, and its logs unless they are kept, when no task is left:
    /// `done` or `stillThere`.
    case removeAll(keepingLogs: Bool)
    /// Ends the shim if nothing is left in it: the end of the connection is the reply. Otherwise
    /// `stillThere`.
    case exit
}

/// The version of these messages. A shim outlives the daemon that started it, so a daemon must
/// understand older shims' versions.
package let shimWireVersion: UInt16 = 1

extension ShimRequest {
    /// Encodes a packet; the reply repeats `id`.
    package func packet(id: UInt32) -> [UInt8] {
        var writer = WireWriter()
        writer.put(shimWireVersion)
        writer.put(id)
        switch self {
        case .status: writer.put(0 as UInt8)
        case .mount(let task, let lower, let user):
            writer.put(1 as UInt8)
            for text in [task, lower, user] { writer.put(text) }
        case .create(let task, let arguments): writer.put(2, task, arguments)
        case .start(let task, let arguments): writer.put(3, task, arguments)
        case .signal(let task, let number):
            writer.put(4 as UInt8)
            writer.put(task)
            writer.put(number)
        case .stop(let task, let signal, let grace):
            writer.put(5 as UInt8)
            writer.put(task)
            writer.put(signal)
            writer.put(grace)
        case .delete(let task, let arguments): writer.put(6, task, arguments)
        case .unmount(let task): writer.put(7, task, [])
        case .remove(let task): writer.put(8, task, [])
        case .exit: writer.put(9 as UInt8)
        case .removeAll(let keepsLogs):
            writer.put(10 as UInt8)
            writer.put(keepsLogs ? 1 : 0 as UInt8)
        }
        return writer.bytes
    }

    package static func parse(
        _ packet: [UInt8]
    ) throws(WireFault) -> (id: UInt32, request: ShimRequest) {
        var reader = WireReader(packet)
        let version = try reader.number(UInt16.self)
        guard version == shimWireVersion else { throw WireFault("version \(version)") }
        let id = try reader.number(UInt32.self)
        let request = try parse(kind: try reader.byte(), &reader)
        try reader.end()
        return (id, request)
    }

    private static func parse(
        kind: UInt8, _ reader: inout WireReader
    ) throws(WireFault) -> ShimRequest {
        switch kind {
        case 0: return .status
        case 1:
            return .mount(
                task: try reader.text(), lower: try reader.text(), user: try reader.text())
        case 2: return .create(task: try reader.text(), arguments: try reader.texts())
        case 3: return .start(task: try reader.text(), arguments: try reader.texts())
        case 4: return .signal(task: try reader.text(), number: try reader.number())
        case 5:
            return .stop(
                task: try reader.text(), signal: try reader.number(), grace: try reader.number())
        case 6: return .delete(task: try reader.text(), arguments: try reader.texts())
        case 7: return .unmount(task: try reader.nameOnly())
        case 8: return .remove(task: try reader.nameOnly())
        case 9: return .exit
        case 10: return .removeAll(keepingLogs: try reader.flag())
        default: throw WireFault("request \(kind)")
        }
    }
}

extension WireWriter {
    fileprivate mutating func put(_ kind: UInt8, _ task: String, _ arguments: [String]) {
        put(kind)
        put(task)
        put(list: arguments) { writer, text in writer.put(text) }
    }
}

extension WireReader {
    fileprivate mutating func texts() throws(WireFault) -> [String] {
        try list { (reader: inout WireReader) throws(WireFault) in try reader.text() }
    }

    fileprivate mutating func nameOnly() throws(WireFault) -> String {
        let name = try text()
        guard try texts().isEmpty else { throw WireFault("unexpected arguments") }
        return name
    }
}
