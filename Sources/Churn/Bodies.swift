// The requests that create a workload: Staunch's pod, podman's pod and containers.

import Bytes
import JSON

extension Workload {
    /// The body of a PUT of this pod.
    func podBody(rootfs: String, hostPort: Int64) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.object("labels") { $0.member("churn", name) }
        writer.object("network") { writer in
            writer.member("mode", network.rawValue)
            if network == .cni, let networkName { writer.member("name", networkName) }
            guard network == .bridge || network == .cni && publishes else { return }
            writer.key("ports")
            writer.beginArray()
            writer.beginObject()
            writer.member("hostPort", hostPort)
            writer.member("containerPort", 80 as Int64)
            writer.endObject()
            writer.endArray()
        }
        writer.object("tasks") { writer in
            for task in taskNames {
                writer.key(task)
                writeTask(rootfs, isFirst: task == taskNames.first, to: &writer)
            }
        }
        writer.endObject()
        return writer.finish().bytes
    }

    /// Bursts of numbered lines.
    private static let numbering = [
        "sh", "-c",
        """
        i=0; while true; do n=0; while [ $n -lt 20 ]; do echo $i; i=$((i+1)); n=$((n+1)); done
        sleep 0.05; done
        """,
    ]

    private func writeTask(_ rootfs: String, isFirst: Bool, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.object("rootfs") { writer in
            writer.member("path", rootfs)
            writer.member("readOnly", readOnly)
        }
        if isFirst, restarts > 0 {
            writer.member("args", CountingProgram.args)
            writer.object("restart") { writer in
                writer.member("policy", "always")
                writer.object("backoff") { writer in
                    writer.member("initial", 0 as Int64)
                    writer.member("max", 0 as Int64)
                }
            }
        } else {
            writer.member("args", isFirst && follows ? Workload.numbering : args)
        }
        if let memory { writer.object("resources") { $0.member("memory", memory) } }
        writer.endObject()
    }

    func podmanPod(_ name: String, cgroupParent: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("name", name)
        writer.member("cgroup_parent", cgroupParent)
        writer.member("exit_policy", "continue")
        writer.object("netns") { $0.member("nsmode", network.rawValue) }
        writer.endObject()
        return writer.finish().bytes
    }

    func podmanContainer(_ name: String, pod: String, rootfs: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("name", name)
        writer.member("pod", pod)
        writer.member("rootfs", rootfs)
        writer.member("rootfs_overlay", !readOnly)
        writer.member("command", args)
        writer.object("log_configuration") { $0.member("driver", "none") }
        writer.endObject()
        return writer.finish().bytes
    }

    /// The output of `runc spec`, changed to run this task.
    func runcConfig(_ spec: JSONValue, rootfs: String, cgroup: String) -> [UInt8] {
        let root = JSONValue.object([
            JSONMember(name: "path", value: .string(rootfs)),
            JSONMember(name: "readonly", value: .bool(readOnly)),
        ])
        let process = (spec["process"] ?? .object([]))
            .replacing("args", with: .array(args.map(JSONValue.string)))
            .replacing("terminal", with: .bool(false))
        var linux = (spec["linux"] ?? .object([]))
            .replacing("cgroupsPath", with: .string(cgroup))
        if network == .host, let namespaces = linux["namespaces"]?.elements {
            let others = namespaces.filter { $0["type"]?.string != "network" }
            linux = linux.replacing("namespaces", with: .array(others))
        }
        return spec.replacing("root", with: root).replacing("process", with: process)
            .replacing("linux", with: linux).bytes
    }
}
