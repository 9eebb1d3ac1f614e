//  Encodes the requested spec, as a client could have written it. Records contain it too.

import JSON
import Model

extension PodSpec {
    /// The members of the pod's document that come from its spec, without the tasks.
    func writeMembers(to writer: inout JSONWriter) {
        writer.member("labels", labels)
        writer.member("annotations", annotations)
        writer.member("hostname", hostname)
        writer.key("network")
        writer.beginObject()
        writer.member("mode", network.rawValue)
        writer.endObject()
        writer.member("sharePID", false)
        resources.writeMember(to: &writer)
    }
}

extension TaskSpec {
    /// The members of the task's document that come from its spec, without the name.
    func writeMembers(to writer: inout JSONWriter) {
        writer.key("rootfs")
        writer.beginObject()
        writer.member("path", rootfs)
        writer.member("readOnly", readOnlyRootfs)
        writer.endObject()
        writer.member("args", args)
        writer.member("env", env)
        writer.member("cwd", cwd)
        writer.member("user", user.description)
        writer.key("mounts")
        writer.beginArray()
        for mount in mounts { mount.write(to: &writer) }
        writer.endArray()
        resources.writeMember(to: &writer)
        writer.key("capabilities")
        writer.beginObject()
        writer.member("add", addCapabilities)
        writer.member("drop", dropCapabilities)
        writer.endObject()
        writer.member("noNewPrivileges", noNewPrivileges)
        writer.member("compat32", compat32)
        writer.member("stopSignal", stopSignal.description)
        writer.thousandths("gracePeriod", gracePeriod)
        writer.member("start", start)
    }
}

extension MountSpec {
    fileprivate func write(to writer: inout JSONWriter) {
        writer.beginObject()
        switch kind {
        case .bind(let source):
            writer.member("type", "bind")
            writer.member("source", source)
        case .tmpfs(let size):
            writer.member("type", "tmpfs")
            if let size { writer.member("size", size) }
        }
        writer.member("target", target)
        writer.member("readOnly", readOnly)
        if case .bind = kind { writer.member("recursiveReadOnly", recursiveReadOnly) }
        writer.endObject()
    }
}

extension Resources {
    /// Only the limits that are set.
    func writeMember(_ name: StaticString = "resources", to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        if let memory { writer.member("memory", memory) }
        if let milliCPUs { writer.thousandths("cpus", milliCPUs) }
        if let pids { writer.member("pids", pids) }
        writer.endObject()
    }
}

extension JSONWriter {
    /// Writes milliseconds as seconds, and thousandths of a CPU as CPUs.
    mutating func thousandths(_ name: StaticString, _ number: Int64) {
        key(name)
        if number % 1000 == 0 { value(number / 1000) } else { value(Double(number) / 1000) }
    }
}
