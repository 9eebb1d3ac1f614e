//  Reads the spec that `EncodeSpec` writes.

import JSON
import Model

extension RecordReader {
    func podSpec(tasks: [TaskSpec]) throws(RecordFault) -> PodSpec {
        PodSpec(
            labels: try self["labels"].stringMap(),
            annotations: try self["annotations"].stringMap(),
            hostname: try self["hostname"].string(),
            network: try self["network"]["mode"].parsed { NetworkMode(rawValue: $0) },
            resources: try self["resources"].resources(), tasks: tasks)
    }

    func taskSpec(name: Label) throws(RecordFault) -> TaskSpec {
        TaskSpec(
            name: name, rootfs: try self["rootfs"]["path"].string(),
            readOnlyRootfs: try self["rootfs"]["readOnly"].bool(),
            args: try self["args"].strings(), env: try self["env"].stringMap(),
            cwd: try self["cwd"].string(), user: try self["user"].parsed { UserSpec($0) },
            mounts: try self["mounts"].mounts(), resources: try self["resources"].resources(),
            addCapabilities: try self["capabilities"]["add"].strings(),
            dropCapabilities: try self["capabilities"]["drop"].strings(),
            noNewPrivileges: try self["noNewPrivileges"].bool(),
            // Records of version 0.1 have none.
            compat32: try optional("compat32")?.bool() ?? true,
            stopSignal: try self["stopSignal"].parsed { Signal($0) },
            gracePeriod: try self["gracePeriod"].thousandths(), start: try self["start"].bool())
    }

    private func mounts() throws(RecordFault) -> [MountSpec] {
        try elements().map { mount throws(RecordFault) in
            MountSpec(
                kind: try mount.mountKind(), target: try mount["target"].string(),
                readOnly: try mount["readOnly"].bool(),
                // Older records do not contain this member.
                recursiveReadOnly: try mount.optional("recursiveReadOnly")?.bool() ?? false)
        }
    }

    private func mountKind() throws(RecordFault) -> MountSpec.Kind {
        switch try self["type"].string() {
        case "bind": return .bind(source: try self["source"].string())
        case "tmpfs":
            let size = try optional("size")?.integer()
            return .tmpfs(size: size)
        default: throw RecordFault.malformed(pointer, "is a mount of an unknown type")
        }
    }

    func resources() throws(RecordFault) -> Resources {
        Resources(
            memory: try optional("memory")?.integer(),
            milliCPUs: try optional("cpus")?.thousandths(),
            pids: try optional("pids")?.integer())
    }
}
