//  Decodes a task from a request.

package import JSON
package import Model

extension TaskSpec {
    /// Reads `PUT …/tasks/{task}`, with every default filled in.
    package static func decode(
        _ value: JSONValue, name: Label
    ) throws(DocumentFaults) -> TaskSpec {
        try decodeDocument(value) { TaskSpec(reading: &$0, name: name) }
    }

    /// `nil` if a required member is missing or wrong.
    init?(reading object: inout ObjectReader, name: Label) {
        object.refuseUnsupported(["restart"])
        let rootfs = object.require("rootfs")?.rootfs()
        let args = object.require("args")?.arguments()
        let capabilities = object.take("capabilities")?.capabilityChanges()
        self.init(
            name: name, rootfs: rootfs?.path ?? "/", readOnlyRootfs: rootfs?.readOnly ?? false,
            args: args ?? [], env: object.take("env")?.environment() ?? [:],
            cwd: object.take("cwd")?.path() ?? "/", user: object.take("user")?.user() ?? .root,
            mounts: object.take("mounts")?.mounts() ?? [],
            resources: object.take("resources")?.resources(pids: TaskSpec.defaultPids)
                ?? Resources(pids: TaskSpec.defaultPids),
            addCapabilities: capabilities?.add ?? [], dropCapabilities: capabilities?.drop ?? [],
            noNewPrivileges: object.take("noNewPrivileges")?.bool() ?? true,
            compat32: object.take("compat32")?.bool() ?? true,
            stopSignal: object.take("stopSignal")?.signal() ?? .term,
            gracePeriod: object.take("gracePeriod")?.grace() ?? TaskSpec.defaultGracePeriod,
            start: object.take("start")?.bool() ?? true)
        if rootfs == nil || args == nil { return nil }
    }
}

extension Field {
    func signal() -> Signal? { parsed("a signal like 'TERM' or 'RTMIN+3'") { Signal($0) } }

    fileprivate func user() -> UserSpec? { parsed("'user' or 'user:group'") { UserSpec($0) } }

    fileprivate func rootfs() -> (path: String, readOnly: Bool)? {
        guard var object = object() else { return nil }
        let path = object.require("path")?.path()
        let readOnly = object.take("readOnly")?.bool() ?? false
        object.end()
        return path.map { ($0, readOnly) }
    }

    fileprivate func capabilityChanges() -> (add: [String], drop: [String])? {
        guard var object = object() else { return nil }
        let add = object.take("add")?.capabilities() ?? []
        let drop = object.take("drop")?.capabilities() ?? []
        object.end()
        return (add, drop)
    }
}
