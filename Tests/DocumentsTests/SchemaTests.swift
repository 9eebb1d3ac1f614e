// The tables of the specs against the schemas of openapi/staunch.json, both ways.

import Bytes
import JSON
import Kernel
import Model
import Testing

@testable import Documents

@Suite struct SchemaTests {
    let all: JSONValue

    init() throws { all = try schemas() }

    private func schema(_ name: String) throws -> JSONValue { try #require(all[name]) }

    /// The schema to which `schema` refers, or else `schema`.
    private func resolved(_ schema: JSONValue?) throws -> JSONValue {
        let schema = try #require(schema)
        guard let reference = schema["$ref"]?.string else { return schema }
        return try self.schema(String(reference.split(separator: "/").last ?? ""))
    }

    private func names(_ object: JSONValue?) -> [String] {
        (object?.members ?? []).map(\.name).sorted()
    }

    private func required(_ schema: JSONValue) -> [String] {
        (schema["required"]?.strings ?? []).sorted()
    }

    /// The rows are the properties of a request, and of the objects in it.
    private func compare<Root>(_ rows: [Member<Root>], request schema: JSONValue) throws {
        let rows = rows.filter(\.isSupported)
        #expect(rows.map(\.name).sorted() == names(schema["properties"]))
        #expect(rows.filter(\.isRequired).map(\.name).sorted() == required(schema))
        #expect(schema["additionalProperties"] == .bool(false))
        for row in rows where !row.nested.isEmpty {
            let inner = try resolved(schema["properties"]?[row.name])
            try compare(row.nested, request: inner)
        }
    }

    /// The members are the properties of a reply's schema, and all of them are required.
    private func compare(_ document: JSONValue, with schema: JSONValue) {
        #expect(names(document) == names(schema["properties"]))
        #expect(names(document) == required(schema))
    }

    /// The same for all objects in it.
    private func compareWhole(_ document: JSONValue, with schema: JSONValue) throws {
        guard let properties = schema["properties"] else { return }
        compare(document, with: schema)
        for member in document.members ?? [] {
            let property = try resolved(properties[member.name])
            let inner = property["items"] ?? property["additionalProperties"]
            let values =
                member.value.elements
                ?? (inner == nil ? [member.value] : (member.value.members ?? []).map(\.value))
            for value in values { try compareWhole(value, with: resolved(inner ?? property)) }
        }
    }

    /// The rows are what a reply always contains of the spec.
    private func compare<Root>(_ rows: [Member<Root>], reply schema: JSONValue) throws {
        for row in rows where row.isSupported && !row.nested.isEmpty {
            let inner = try resolved(schema["properties"]?[row.name])
            let nested = row.nested.filter(\.isSupported)
            // A task also shows what its log has had.
            let shown = row.name == "log" ? ["bytes", "dropped", "lines"] : []
            #expect((nested.map(\.name) + shown).sorted() == names(inner["properties"]))
            let always = nested.filter { !$0.isOfOneKind }
            #expect((always.map(\.name) + shown).sorted() == required(inner))
        }
    }

    /// A default of the schema is the value that the table writes, and each boolean has one.
    private func compareDefaults(_ written: JSONValue, _ schema: JSONValue) throws {
        for member in try #require(schema["properties"]?.members) {
            let (name, property, value) = (member.name, member.value, written[member.name])
            if let stated = property["default"] { #expect(value == stated, "\(name)") }
            if case .bool? = value, property["const"] == nil {
                #expect(property["default"] != nil, "\(name)")
            }
            let inner = try resolved(property)
            if let value, inner["properties"] != nil { try compareDefaults(value, inner) }
        }
    }

    private func written<Root>(_ table: SpecTable<Root>, _ root: Root) throws -> JSONValue {
        var writer = JSONWriter()
        table.writeObject(root, to: &writer)
        return try JSONValue.parse(writer.finish().bytes)
    }

    @Test("a request's members are the properties of its schema")
    func requests() throws {
        try compare(PodSpec.requestMembers.members, request: schema("PodRequest"))
        try compare(TaskSpec.members.members, request: schema("TaskRequest"))
        try compare(Resources.members.members, request: schema("Resources"))
        try compare(TaskResources.members.members, request: schema("TaskResources"))
        try compare(CPUSet.members.members, request: schema("CPUSet"))
        try compare(HealthSpec.members.members, request: schema("HealthRequest"))
        try compare(HealthSpec.execMembers.members, request: schema("ExecCheck"))
        try compare(HealthSpec.httpMembers.members, request: schema("HTTPCheck"))
        try compare(HealthSpec.tcpMembers.members, request: schema("TCPCheck"))
        try compare(MountSpec.bindMembers.members, request: schema("BindMount"))
        try compare(MountSpec.tmpfsMembers.members, request: schema("TmpfsMount"))
        try compare(MountSpec.volumeMembers.members, request: schema("VolumeMount"))
        try compare(VolumeSpec.members.members, request: schema("Volume"))
        try compare(ProcessLimit.members.members, request: schema("ProcessLimit"))
        try compare(DeviceSpec.members.members, request: schema("Device"))
        try compare(HostEntry.members.members, request: schema("HostEntry"))
        try compare(PortSpec.members.members, request: schema("Port"))
        try compare(NetworkSpec.members.members, request: schema("NetworkRequest"))
        try compare(CNIAttachment.members.members, request: schema("Attachment"))
    }

    @Test("the members that a PATCH may change are the properties of its schema")
    func patches() throws {
        let pod = PodSpec.requestMembers.members.filter { $0.change != nil }.map(\.name)
        #expect(try pod.sorted() == names(schema("PodPatch")["properties"]))
        let limits = Resources.members.members.filter { $0.change != nil }.map(\.name)
        #expect(try limits.sorted() == names(schema("ResourcesPatch")["properties"]))
        let task = TaskSpec.members.members.filter { $0.change != nil }
        #expect(try task.map(\.name).sorted() == names(schema("TaskPatch")["properties"]))
        let restart = task.flatMap(\.nested)
        #expect(restart.allSatisfy { $0.change != nil })
        #expect(try restart.map(\.name).sorted() == names(schema("RestartPatch")["properties"]))
        let taskLimits = TaskResources.members.members.filter { $0.change != nil }.map(\.name)
        #expect(
            try taskLimits.sorted() == names(schema("TaskResourcesPatch")["properties"]))
    }

    @Test("a reply's members are the properties of its schema, and all of them are required")
    func replies() throws {
        let pod = Pod(
            uid: uid, name: web, spec: PodSpec(hostname: "h"), state: .ready, revision: 1,
            createdAt: noon)
        let task = PodTask(
            uid: uid, spec: TaskSpec(name: app, rootfs: "/r", args: ["a"]), state: .creating,
            revision: 1, createdAt: noon)
        let network = Network(
            uid: uid, name: web, spec: NetworkSpec(), isAutomatic: true, state: .ready,
            createdAt: noon)
        var counts = CgroupStatistics()
        counts.devices = [DeviceStatistics(device: "/dev/vda")]
        let direction = InterfaceStatistics.Direction(bytes: 1, packets: 2, errors: 3, dropped: 4)
        var withTask = pod
        withTask.tasks = [task]
        let statistics = PodStatistics(
            pod: withTask, readAt: noon, total: counts, tasks: [counts],
            interfaces: [InterfaceStatistics(name: "eth0", received: direction, sent: direction)])
        let documents = [
            (try json(pod), "Pod"), (try json(task), "Task"),
            (try json(NetworkDocument(network, used: 1)), "Network"),
        ]
        for (document, name) in documents { compare(document, with: try schema(name)) }
        try compareWhole(
            json(PodsStatistics([statistics], revision: 1)), with: schema("StatsList"))
        try compare(PodSpec.members.members, reply: schema("Pod"))
        try compare(TaskSpec.members.members, reply: schema("Task"))
        try compareHealth()
    }

    /// A task shows one of its three checks.
    private func compareHealth() throws {
        var spec = TaskSpec(name: app, rootfs: "/r", args: ["a"])
        spec.health = HealthSpec(check: .tcp(port: 1))
        let task = PodTask(uid: uid, spec: spec, state: .creating, revision: 1, createdAt: noon)
        let (shown, schema) = (try json(task)["health"], try schema("Health"))
        let always = required(schema)
        #expect(names(shown) == (always + ["tcp"]).sorted())
        #expect(names(schema["properties"]) == (always + ["exec", "http", "tcp"]).sorted())
    }

    @Test("the defaults that the document states are those of the specs")
    func defaults() throws {
        let task = TaskSpec(name: app, rootfs: "/r", args: ["a"])
        let bind = MountSpec(kind: .bind(source: "/s"), target: "/t")
        let tmpfs = MountSpec(kind: .tmpfs(size: nil), target: "/t")
        try compareDefaults(
            written(PodSpec.requestMembers, PodSpec(hostname: "h")), schema("PodRequest"))
        try compareDefaults(written(TaskSpec.members, task), schema("TaskRequest"))
        let health = HealthSpec(check: .tcp(port: 1))
        try compareDefaults(written(HealthSpec.members, health), schema("HealthRequest"))
        let http = HTTPCheck(port: 1)
        try compareDefaults(written(HealthSpec.httpMembers, http), schema("HTTPCheck"))
        try compareDefaults(written(MountSpec.bindMembers, bind), schema("BindMount"))
        try compareDefaults(written(MountSpec.tmpfsMembers, tmpfs), schema("TmpfsMount"))
        let volume = MountSpec(kind: .volume(name: "v"), target: "/t")
        try compareDefaults(written(MountSpec.volumeMembers, volume), schema("VolumeMount"))
        let port = PortSpec(hostPort: 1, containerPort: 2)
        try compareDefaults(written(PortSpec.members, port), schema("Port"))
        try compareDefaults(written(NetworkSpec.members, NetworkSpec()), schema("NetworkRequest"))
        try compareDefaults(written(VolumeSpec.members, VolumeSpec(name: app)), schema("Volume"))
        let attachment = CNIAttachment(interface: "eth0")
        try compareDefaults(written(CNIAttachment.members, attachment), schema("Attachment"))
        let device = DeviceSpec(path: "/dev/x", containerPath: "/dev/x")
        try compareDefaults(written(DeviceSpec.members, device), schema("Device"))
    }
}
