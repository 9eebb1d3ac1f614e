// `GET /v1`: version, features, limits, and the features of the runtime and the kernel.

import Bytes
import Documents
import Engine
import Host
import JSON

package enum StaunchVersion {
    package static let text = "0.2.0"
}

struct ServerDocument: DocumentEncodable {
    let info: HostInfo
    let limits: Limits
    /// Why no task can be created; `nil` if tasks can be created.
    let dataDirectoryRefusal: String?
    let metrics: ListenerStatus
    let findings: [HostFinding]
    let logRoots: [String]

    init(_ engine: Engine) {
        info = engine.info
        limits = engine.limits
        dataDirectoryRefusal = engine.dataDirectoryRefusal
        metrics = engine.metricsListener
        findings = engine.findings
        logRoots = engine.logRoots
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        text("name", "staunch", &writer)
        text("version", StaunchVersion.text, &writer)
        text("api", "v1", &writer)
        list("features", ["pods", "tasks", "operations", "events", "audit", "stats"], &writer)
        writeLimits(to: &writer)
        writeRuntimes(to: &writer)
        writeKernel(to: &writer)
        text("bootID", info.bootID, &writer)
        list("networkModes", ["none", "host", "bridge", "cni"], &writer)
        flag("seccomp", info.seccomp != .none, &writer)
        writeSeccomp(to: &writer)
        writeDataDirectory(to: &writer)
        list("logRoots", logRoots, &writer)
        writeCreates(to: &writer)
        writeMetrics(to: &writer)
        writeFindings(to: &writer)
        writer.endObject()
    }

    /// What about the host keeps pods from doing what users expect.
    private func writeFindings(to writer: inout JSONWriter) {
        writer.key("findings")
        writer.beginArray()
        for finding in findings {
            writer.beginObject()
            text("code", finding.code, &writer)
            text("detail", finding.detail, &writer)
            text("effect", finding.effect, &writer)
            text("advice", finding.advice, &writer)
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeLimits(to writer: inout JSONWriter) {
        writer.key("limits")
        writer.beginObject()
        let rows: [(String, Int64)] = [
            ("bodyBytes", Int64(DocumentLimits.bytes)),
            ("jsonDepth", Int64(JSONValue.depthLimit)),
            ("waitSeconds", Int64(Waiting.limit)),
            ("listItems", Int64(Paging.limit)),
            ("operationsKept", Int64(limits.operationsKept)),
            ("operationsKeptSeconds", limits.operationsKeptSeconds),
            ("tombstonesKept", Int64(limits.tombstonesKept)),
            ("tombstonesKeptSeconds", limits.tombstonesKeptSeconds),
            ("eventsKept", Int64(limits.eventsKept)),
            ("tasksPerPod", Int64(DocumentLimits.tasks)),
            ("operationsPerPod", Int64(limits.operationsPerPod)),
        ]
        for (name, limit) in rows {
            writer.key(name)
            writer.value(limit)
        }
        writer.endObject()
    }

    /// The default runtime as `runtime`, and all of them as `runtimes`.
    private func writeRuntimes(to writer: inout JSONWriter) {
        let chosen = info.defaultRuntime
        writer.key("runtime")
        writer.beginObject()
        text("path", chosen.path, &writer)
        optional("name", chosen.program, &writer)
        writeFacts(of: chosen, to: &writer)
        writer.endObject()
        writer.key("runtimes")
        writer.beginArray()
        for runtime in info.runtimes {
            writer.beginObject()
            text("name", runtime.name, &writer)
            flag("default", runtime.name.isSame(as: chosen.name), &writer)
            text("path", runtime.path, &writer)
            optional("program", runtime.program, &writer)
            writeFacts(of: runtime, to: &writer)
            flag("usable", runtime.refusal == nil, &writer)
            if let reason = runtime.refusal { text("reason", reason, &writer) }
            writer.endObject()
        }
        writer.endArray()
    }

    private func writeFacts(of runtime: RuntimeInfo, to writer: inout JSONWriter) {
        optional("version", runtime.version, &writer)
        if let commit = runtime.commit { text("commit", commit, &writer) }
        flag("recursiveReadOnly", runtime.recursiveReadOnly, &writer)
    }

    private func writeSeccomp(to writer: inout JSONWriter) {
        writer.key("seccompProfile")
        writer.beginObject()
        text("source", info.seccomp.source, &writer)
        if let path = info.seccomp.path { text("path", path, &writer) }
        writer.endObject()
    }

    private func writeDataDirectory(to writer: inout JSONWriter) {
        writer.key("dataDirectory")
        writer.beginObject()
        flag("usable", dataDirectoryRefusal == nil, &writer)
        if let dataDirectoryRefusal { text("reason", dataDirectoryRefusal, &writer) }
        writer.endObject()
    }

    /// Whether creates are accepted, and the reason if not.
    private func writeCreates(to writer: inout JSONWriter) {
        writer.key("creates")
        writer.beginObject()
        flag("accepted", info.refusal == nil, &writer)
        if let reason = info.refusal { text("reason", reason, &writer) }
        writer.endObject()
    }

    /// Whether the metrics are served over TCP, and their address, actual or configured.
    private func writeMetrics(to writer: inout JSONWriter) {
        writer.key("metrics")
        writer.beginObject()
        switch metrics {
        case .off: flag("serving", false, &writer)
        case .serving(let address):
            flag("serving", true, &writer)
            text("address", address, &writer)
        case .waiting(let address, let why):
            flag("serving", false, &writer)
            text("address", address, &writer)
            text("reason", why, &writer)
        }
        writer.endObject()
    }

    private func writeKernel(to writer: inout JSONWriter) {
        writer.key("kernel")
        writer.beginObject()
        text("release", info.kernelRelease, &writer)
        text("cgroup", info.cgroup, &writer)
        flag("cgroupKill", info.hasCgroupKill, &writer)
        writer.endObject()
    }
}

private func text(_ name: StaticString, _ value: String, _ writer: inout JSONWriter) {
    writer.key(name)
    writer.value(value)
}

private func optional(_ name: StaticString, _ value: String?, _ writer: inout JSONWriter) {
    writer.key(name)
    if let value { writer.value(value) } else { writer.null() }
}

private func flag(_ name: StaticString, _ value: Bool, _ writer: inout JSONWriter) {
    writer.key(name)
    writer.value(value)
}

private func list(_ name: StaticString, _ values: [String], _ writer: inout JSONWriter) {
    writer.key(name)
    writer.beginArray()
    for value in values { writer.value(value) }
    writer.endArray()
}
