// The paths. Every name follows from the pod's uid, so that recovery finds objects by name.

import Bytes
package import Kernel
package import Model
package import ShimProtocol

package struct Layout: Sendable {
    package let settings: Settings

    package init(settings: Settings) { self.settings = settings }

    package var pods: String { settings.runDirectory + "/pods" }
    package var store: String { settings.runDirectory + "/staunch.db" }
    package var reserve: String { settings.runDirectory + "/reserve" }
    package var lock: String { settings.runDirectory + "/lock" }

    package func pod(_ uid: UID) -> String { "\(pods)/\(uid)" }
    package func folders(_ uid: UID) -> PodFolders {
        PodFolders(run: pod(uid), data: "\(settings.dataDirectory)/\(uid)")
    }
    package func bundle(_ uid: UID, _ task: Label) -> String { "\(pod(uid))/tasks/\(task)" }
    package func runtime(_ uid: UID) -> String { pod(uid) + "/runtime" }
    /// The runtime's root directory for one task: its state is in `<root>/<id>`.
    package func runtime(_ uid: UID, _ task: Label) -> String { "\(runtime(uid))/\(task)" }
    /// The cgroup of the plugins that work for the pod.
    package func plugins(_ uid: UID) -> String { cgroup(uid) + "/cni" }
    /// The directory of the notes about the pods with interfaces of plugins. It is on a disk, so
    /// that after a reboot the addresses of plugins are given back.
    package var notes: String { settings.dataDirectory + "/cni" }
    /// The place of a shared memory of the pod's own.
    package func sharedMemory(_ uid: UID) -> String { ShimSettings.sharedMemory(in: pod(uid)) }
    package func sharedPID(_ uid: UID) -> String { ShimSettings.sharedPID(in: pod(uid)) }
    package func names(_ uid: UID) -> String { ShimSettings.names(in: pod(uid)) }
    package func cgroup(_ uid: UID) -> String { "\(settings.cgroupParent)/\(uid)" }
    /// The cgroup with the pod's limits. The shim has a cgroup beside it, so that a pod that runs
    /// out of memory never kills its shim.
    package func workload(_ uid: UID) -> String { cgroup(uid) + "/pod" }
    /// The same for a pod below a parent that its client named. The name is that of the pod and not
    /// of a task, so that an orphan leads to its pod, and its tasks are found by their names. It
    /// begins with our mark, because other daemons may use the same parent.
    package func workload(_ uid: UID, below parent: String?) -> String {
        parent.map { "\($0)/\(outsideName(uid))" } ?? workload(uid)
    }
    package func outsideName(_ uid: UID) -> String { "\(networkMark)-\(uid)" }
    /// The uid in the name of a pod's cgroup below a client's parent; `nil` for other names.
    package func outsideUID(_ name: String) -> UID? {
        name.after(networkMark + "-").flatMap { UID(ours: $0) }
    }
    /// A task's cgroup below the pod's workload.
    package static func task(_ task: Label, in workload: String) -> String {
        "\(workload)/task-\(task)"
    }

    package func shim(_ pod: Pod) -> ShimSettings {
        var shim = ShimSettings(
            name: pod.name.text, uid: pod.uid.description, podDirectory: self.pod(pod.uid),
            dataDirectory: folders(pod.uid).data,
            logDirectory: "\(settings.logDirectory)/\(pod.uid)", cgroup: cgroup(pod.uid),
            workload: pod.spec.cgroupParent.map { workload(pod.uid, below: $0) },
            ownNetwork: pod.spec.network.isOwn, keepsHostNetwork: pod.spec.network.bridge != nil,
            hostname: pod.spec.hostname)
        shim.shmSize = UInt64(clamping: pod.spec.shmSize)
        shim.hostIPC = pod.spec.hostIPC
        shim.hostPID = pod.spec.hostPID
        shim.sharesPID = pod.spec.sharePID
        return shim
    }
}
