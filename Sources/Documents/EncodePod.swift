//  Encodes a pod and its tasks for clients.

package import JSON
import Kernel
package import Model

extension Pod: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("uid", uid)
        writer.member("name", name.text)
        writer.member("state", state.rawValue)
        writer.member("revision", revision)
        writer.member("createdAt", createdAt)
        writer.member("released", isReleased && state == .stopped)
        writer.member("expiresAt", expiry?.time)
        PodSpec.members.write(spec, to: &writer)
        writer.key("interfaces")
        writer.beginArray()
        for interface in interfaces { interface.write(to: &writer) }
        for attachment in attachments { attachment.writeInterface(to: &writer) }
        writer.endArray()
        writer.member("networkFault", networkFault)
        writer.key("shim")
        if let shim { shim.write(to: &writer) } else { writer.null() }
        writer.member("operation", operation)
        writer.key("stalled")
        if let stalled { stalled.write(to: &writer) } else { writer.null() }
        writer.key("tasks")
        writer.beginObject()
        for task in tasks {
            writer.key(task.spec.name.text)
            task.write(to: &writer)
        }
        writer.endObject()
        writer.endObject()
    }
}

extension Pod.Stall {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("since", since)
        writer.member("why", why)
        writer.endObject()
    }
}

extension PodInterface {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.interface(
            name, mac: mac.description, hostInterface: hostInterface, addresses, gateways,
            network: network.text)
    }
}

extension PodAttachment {
    /// The interface, once the plugins have made it.
    fileprivate func writeInterface(to writer: inout JSONWriter) {
        guard let made else { return }
        writer.interface(
            interface, mac: made.mac, hostInterface: made.hostInterface, made.addresses,
            made.gateways, network: network)
    }
}

extension JSONWriter {
    fileprivate mutating func interface(
        _ name: String, mac: String?, hostInterface: String?, _ addresses: [IPPrefix],
        _ gateways: [IPAddress], network: String
    ) {
        beginObject()
        member("name", name)
        member("mac", mac)
        member("hostInterface", hostInterface)
        member("addresses", addresses.map(\.description))
        member("gateway", gateways.first?.description)
        member("gateways", gateways.map(\.description))
        member("network", network)
        endObject()
    }
}

extension ShimStatus {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("pid", Int64(process.pid))
        writer.member("startTicks", process.startTicks)
        writer.member("since", since)
        writer.endObject()
    }
}

extension PodTask: DocumentEncodable {
    package func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("uid", uid)
        writer.member("name", spec.name.text)
        writer.member("state", state.name)
        writer.member("revision", revision)
        writer.member("createdAt", createdAt)
        writer.member("startedAt", startedAt)
        writer.member("pid", state.process.map { Int64($0.pid) })
        writer.exitMembers(state.exit)
        writer.member("attempt", Int64(attempt))
        writer.member("restarts", Int64(restarts))
        writer.member("nextStartAt", nextStart?.at)
        writer.member("startWaitsFor", nextStart?.waitsFor)
        writer.key("lastExit")
        if let lastExit { lastExit.write(to: &writer) } else { writer.null() }
        writer.key("exits")
        writer.beginArray()
        for exit in exits { exit.write(to: &writer) }
        writer.endArray()
        writer.member("operation", operation)
        TaskSpec.shownMembers.write(spec, to: &writer)
        writer.key("log")
        writer.beginObject()
        TaskSpec.logMembers.write(spec, to: &writer)
        writer.member("bytes", log.map { Int64(clamping: $0.totals.bytes) })
        writer.member("lines", log.map { Int64(clamping: $0.totals.lines) })
        writer.member("dropped", log.map { Int64(clamping: $0.totals.dropped) })
        writer.endObject()
        writer.key("health")
        writeHealth(to: &writer)
        writer.endObject()
    }
}

extension PodTask {
    private func writeHealth(to writer: inout JSONWriter) {
        guard let spec = spec.health, let health else { return writer.null() }
        writer.beginObject()
        HealthSpec.members.write(spec, to: &writer)
        writer.member("state", health.state.rawValue)
        writer.member("failures", health.failures)
        writer.member("lastCheckedAt", health.checkedAt)
        writer.member("output", health.output)
        writer.endObject()
    }
}

extension AttemptExit {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("attempt", Int64(attempt))
        writer.exitMembers(exit)
        writer.endObject()
    }
}

extension JSONWriter {
    /// How a task ended; `nil` if it has not ended.
    mutating func exitMembers(_ exit: TaskExit?) {
        var code: Int32?
        var signal: Int32?
        var isUnknown = false
        var neverRan = false
        switch exit?.status {
        case .code(let number): code = number
        case .signal(let number): signal = number
        case .neverRan(let number): (signal, neverRan) = (number, true)
        case .unknown: isUnknown = true
        case nil: break
        }
        member("exitCode", code.map(Int64.init))
        member("signal", signal.flatMap { Signal(number: Int($0)) }?.description)
        key("oomKilled")
        if let exit { value(exit.oomKilled) } else { null() }
        member("finishedAt", exit.map { Timestamp(milliseconds: $0.finishedAt) })
        member("exitUnknown", isUnknown)
        member("neverRan", neverRan)
    }
}
