// The paths. Every name follows from the pod's uid, so that recovery finds objects by name.

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
    package func sharedMemory(_ uid: UID) -> String { ShimSettings.sharedMemory(in: pod(uid)) }
    package func cgroup(_ uid: UID) -> String { "\(settings.cgroupParent)/\(uid)" }
    /// The cgroup with the pod's limits. The shim has a cgroup beside it, so that a pod that runs
    /// out of memory never kills its shim.
    package func workload(_ uid: UID) -> String { cgroup(uid) + "/pod" }
    package func cgroup(_ uid: UID, _ task: Label) -> String { "\(workload(uid))/task-\(task)" }

    package func shim(_ pod: Pod) -> ShimSettings {
        ShimSettings(
            name: pod.name.text, uid: pod.uid.description, podDirectory: self.pod(pod.uid),
            dataDirectory: folders(pod.uid).data,
            logDirectory: "\(settings.logDirectory)/\(pod.uid)", cgroup: cgroup(pod.uid),
            ownNetwork: pod.spec.network.isOwn, keepsHostNetwork: pod.spec.network.bridge != nil,
            hostname: pod.spec.hostname)
    }
}
