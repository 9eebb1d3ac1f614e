//  A pod as it is stored.

import JSON
import Kernel
package import Model

extension Pod {
    /// The record that `init(record:)` reads.
    package func record() -> [UInt8] {
        writeRecord { writer in
            writer.member("uid", uid)
            writer.member("name", name.text)
            writer.member("state", state.rawValue)
            writer.bits("rev", revision)
            writer.time("created", createdAt)
            writer.some("op", operation)
            if isSpecLost { writer.member("specLost", true) }
            if isReleased { writer.member("released", true) }
            if !interfaces.isEmpty { writeInterfaces(to: &writer) }
            if !attachments.isEmpty {
                writer.key("cni")
                PodAttachment.write(attachments, to: &writer)
            }
            writeShim(to: &writer)
            writer.key("spec")
            writer.beginObject()
            PodSpec.members.write(spec, to: &writer)
            writer.key("tasks")
            writer.taskSpecs(spec.tasks)
            writer.endObject()
            writer.key("tasks")
            writer.beginArray()
            for task in tasks { task.writeRecord(to: &writer) }
            writer.endArray()
        }
    }

    /// Reads a record that `record()` wrote.
    package init(record: [UInt8]) throws(RecordFault) {
        let reader = try RecordReader(record: record)
        let name = try reader["name"].label()
        self.init(
            uid: try reader["uid"].uid(), name: name, spec: try reader["spec"].podSpec(of: name),
            state: try reader["state"].parsed { PodState(rawValue: $0) },
            revision: try reader["rev"].bits(), createdAt: try reader["created"].time(),
            shim: try reader.optional("shim")?.shim(),
            tasks: try reader["tasks"].elements().map { x throws(RecordFault) in try x.task() },
            interfaces: try reader.optional("if")?.elements()
                .map { x throws(RecordFault) in try x.interface() } ?? [],
            attachments: try reader.optional("cni")?.attachments() ?? [],
            isReleased: try reader.optional("released")?.bool() ?? false,
            operation: try reader.optional("op")?.uid())
        isSpecLost = try reader.optional("specLost")?.bool() ?? false
    }

    private func writeInterfaces(to writer: inout JSONWriter) {
        writer.key("if")
        writer.beginArray()
        for interface in interfaces {
            writer.beginObject()
            writer.member("name", interface.name)
            writer.member("mac", interface.mac.description)
            writer.member("host", interface.hostInterface)
            writer.member("ips", interface.addresses.map(\.description))
            writer.member("gws", interface.gateways.map(\.description))
            writer.member("net", interface.network.text)
            writer.member("netuid", interface.networkUID)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeShim(to writer: inout JSONWriter) {
        guard let shim else { return }
        writer.key("shim")
        writer.beginObject()
        writer.process("process", shim.process)
        writer.time("since", shim.since)
        writer.endObject()
    }
}

extension PodTask {
    fileprivate func writeRecord(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("uid", uid)
        writer.member("state", state.name)
        writer.process("process", state.process)
        writer.exit("exit", state.exit)
        writer.bits("rev", revision)
        writer.time("created", createdAt)
        writer.time("started", startedAt)
        if attempt != 1 { writer.member("attempt", Int64(attempt)) }
        writeExits(to: &writer)
        writer.time("next", nextStart?.at)
        writer.some("nextWaits", nextStart?.waitsFor)
        writeHealthChange(to: &writer)
        writer.some("op", operation)
        writer.key("spec")
        writer.taskSpec(spec)
        writer.endObject()
    }
}

extension PodTask {
    private func writeHealthChange(to writer: inout JSONWriter) {
        guard let healthChange else { return }
        writer.key("health")
        writer.beginObject()
        writer.bits("change", healthChange.number)
        writer.member("attempt", Int64(healthChange.attempt))
        writer.member("healthy", healthChange.isHealthy)
        writer.endObject()
    }

    /// The exit of a first attempt alone is in the state.
    private func writeExits(to writer: inout JSONWriter) {
        if exits == state.exit.map({ [AttemptExit(attempt: 1, $0)] }) ?? [] { return }
        writer.key("exits")
        writer.beginArray()
        for exit in exits {
            writer.beginObject()
            writer.member("attempt", Int64(exit.attempt))
            writer.exit("exit", exit.exit)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension JSONWriter {
    fileprivate mutating func taskSpec(_ spec: TaskSpec) {
        beginObject()
        member("name", spec.name.text)
        TaskSpec.members.write(spec, to: &self)
        endObject()
    }

    fileprivate mutating func taskSpecs(_ specs: [TaskSpec]) {
        beginArray()
        for spec in specs { taskSpec(spec) }
        endArray()
    }
}

extension RecordReader {
    fileprivate func podSpec(of name: Label) throws(RecordFault) -> PodSpec {
        var spec = PodSpec(hostname: name.text)
        try PodSpec.members.restore(self, into: &spec)
        spec.tasks = try self["tasks"].elements().map { task throws(RecordFault) in
            try task.taskSpec()
        }
        return spec
    }

    private func taskSpec() throws(RecordFault) -> TaskSpec {
        var spec = TaskSpec(defaultsOf: try self["name"].label())
        try TaskSpec.members.restore(self, into: &spec)
        return spec
    }

    fileprivate func shim() throws(RecordFault) -> ShimStatus {
        ShimStatus(process: try self["process"].process(), since: try self["since"].time())
    }

    fileprivate func interface() throws(RecordFault) -> PodInterface {
        PodInterface(
            name: try self["name"].string(),
            mac: try self["mac"].parsed { MACAddress($0) },
            hostInterface: try self["host"].string(),
            addresses: try interfaceAddresses(), gateways: try interfaceGateways(),
            network: try self["net"].label(), networkUID: try self["netuid"].uid())
    }

    fileprivate func task() throws(RecordFault) -> PodTask {
        var task = PodTask(
            uid: try self["uid"].uid(), spec: try self["spec"].taskSpec(),
            state: try taskState(), revision: try self["rev"].bits(),
            createdAt: try self["created"].time(),
            startedAt: try optional("started")?.time(),
            operation: try optional("op")?.uid())
        task.attempt = try optional("attempt")?.integer(as: UInt32.self) ?? 1
        guard task.attempt > 0 else { throw RecordFault.malformed(pointer, "has attempt 0") }
        task.exits =
            try optional("exits")?.elements().map { x throws(RecordFault) in
                AttemptExit(
                    attempt: try x["attempt"].integer(as: UInt32.self), try x["exit"].exit())
            } ?? task.state.exit.map { [AttemptExit(attempt: 1, $0)] } ?? []
        task.healthChange = try optional("health")?.healthChange()
        if let next = optional("next") {
            let reason = try optional("nextWaits")?.string()
            task.nextStart = NextStart(at: try next.time(), waitsFor: reason)
        }
        return task
    }

    private func healthChange() throws(RecordFault) -> HealthChange {
        HealthChange(
            number: try self["change"].bits(),
            attempt: try self["attempt"].integer(as: UInt32.self),
            isHealthy: try self["healthy"].bool())
    }

    private func taskState() throws(RecordFault) -> TaskState {
        switch try self["state"].string() {
        case "creating": return .creating
        case "created": return .created(try self["process"].process())
        case "running": return .running(try self["process"].process())
        case "paused": return .paused(try self["process"].process())
        case "exited": return .exited(try self["exit"].exit())
        case "deleting":
            let exit = try optional("exit")?.exit()
            return .deleting(exit)
        default: throw RecordFault.malformed(pointer, "is in an unknown state")
        }
    }
}
