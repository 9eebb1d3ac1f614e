// The paths. Every name follows from the pod's uid, so that recovery finds objects by name.

import Linux
import Model
import ShimProtocol

struct Layout: Sendable {
    let settings: EngineSettings

    var pods: String { settings.runDirectory + "/pods" }
    var store: String { settings.runDirectory + "/staunch.db" }
    var reserve: String { settings.runDirectory + "/reserve" }
    var lock: String { settings.runDirectory + "/lock" }
    /// Copies of the shim's program, so that starting it never waits for a disk.
    var shims: ProgramCopies {
        ProgramCopies(directory: settings.runDirectory + "/bin", name: "staunch-shim")
    }

    func pod(_ uid: UID) -> String { "\(pods)/\(uid)" }
    func bundle(_ uid: UID, _ task: Label) -> String { "\(pod(uid))/tasks/\(task)" }
    func runtime(_ uid: UID) -> String { pod(uid) + "/runtime" }
    /// The runtime's root directory for one task: its state is in `<root>/<id>`.
    func runtime(_ uid: UID, _ task: Label) -> String { "\(runtime(uid))/\(task)" }
    func sharedMemory(_ uid: UID) -> String { ShimSettings.sharedMemory(in: pod(uid)) }
    func sharedMemoryDevice(_ uid: UID) -> String {
        ShimSettings.sharedMemoryDevice(in: pod(uid))
    }
    func cgroup(_ uid: UID) -> String { "\(settings.cgroupParent)/\(uid)" }
    /// The cgroup with the pod's limits. The shim has a cgroup beside it, so that a pod that runs
    /// out of memory never kills its shim.
    func workload(_ uid: UID) -> String { cgroup(uid) + "/pod" }
    func cgroup(_ uid: UID, _ task: Label) -> String { "\(workload(uid))/task-\(task)" }

    func shim(_ pod: Pod) -> ShimSettings {
        ShimSettings(
            name: pod.name.text, uid: pod.uid.description, podDirectory: self.pod(pod.uid),
            dataDirectory: "\(settings.dataDirectory)/\(pod.uid)",
            logDirectory: "\(settings.logDirectory)/\(pod.uid)", cgroup: cgroup(pod.uid),
            ownNetwork: pod.spec.network == .none, hostname: pod.spec.hostname)
    }
}
