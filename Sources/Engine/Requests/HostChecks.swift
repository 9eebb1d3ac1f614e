// Refuses what this host cannot do for a task. The answer names the place in the request's
// document, instead of an error of the runtime after the pod has been made.

import Bytes
import Documents
import Host
import JSON
import Model

extension Engine {
    /// `place` is the task in the request.
    func checkHost(_ task: TaskSpec, _ place: JSONPointer) throws(Refusal) {
        let info = info
        let found =
            [appArmorFault(task, info)] + limitFaults(task, info) + capabilityFaults(task, info)
            + resourceFaults(task.resources, info)
        let faults =
            found.compactMap { fault in
                fault.map { fault in
                    DocumentFault(
                        pointer: fault.names.reduce(place) { $0.appending($1) },
                        detail: fault.detail,
                        isNotSupported: true)
                }
            } + logFaults(task, place)
        guard faults.isEmpty else { throw .documentFaults(DocumentFaults(faults: faults)) }
    }

    /// Refuses a cgroup parent that does not exist, or that the daemon itself would remove.
    func checkCgroupParent(_ spec: PodSpec) throws(Refusal) {
        guard let parent = spec.cgroupParent else { return }
        let names = parent.fields("/")
        guard !parent.isInside(layout.settings.cgroupParent),
            !names.contains(where: { layout.outsideUID($0) != nil })
        else {
            let fault = DocumentFault(
                pointer: JSONPointer.root.appending("cgroupParent"),
                detail: "must not be a cgroup of the daemon's or of a pod's")
            throw .documentFaults(DocumentFaults(faults: [fault]))
        }
        guard host.hasCgroup(parent) else { throw .cgroupParentMissing(parent) }
    }

    /// Refuses the limits of a task that this host cannot set. `before` are those it has.
    func checkLimits(_ limits: TaskResources, _ before: TaskResources) throws(Refusal) {
        let had = Set(resourceFaults(before, info).compactMap { $0?.detail })
        let faults = resourceFaults(limits, info).compactMap(\.self)
            .filter { !had.contains($0.detail) }
            .map { fault in
                DocumentFault(
                    pointer: fault.names.reduce(JSONPointer.root) { $0.appending($1) },
                    detail: fault.detail, isNotSupported: true)
            }
        guard faults.isEmpty else { throw .documentFaults(DocumentFaults(faults: faults)) }
    }

    private typealias Fault = (names: [String], detail: String)

    private func appArmorFault(_ task: TaskSpec, _ info: HostInfo) -> Fault? {
        guard let profile = task.security.apparmor, !profile.isSame(as: "unconfined"),
            !info.hasAppArmor
        else { return nil }
        return (
            ["apparmor"],
            "needs AppArmor, which this host's kernel does not have in force, so the profile "
                + "'\(profile)' would not confine the task"
        )
    }

    /// A log file of the client's is below one of the allowed roots, and is none of the daemon's.
    private func logFaults(_ task: TaskSpec, _ place: JSONPointer) -> [DocumentFault] {
        guard let path = task.log.path else { return [] }
        let own = [settings.runDirectory, settings.dataDirectory, settings.logDirectory]
        let detail: String
        if settings.logRoot(of: path) == nil {
            let roots = settings.logRoots.joined(separator: ", ")
            detail = "must be below a --log-root of the daemon: \(roots)"
        } else if let directory = own.first(where: path.isInside) {
            detail = "must not be in the daemon's own directory \(directory)"
        } else {
            return []
        }
        return [
            DocumentFault(pointer: place.appending("log").appending("path"), detail: detail)
        ]
    }

    private func resourceFaults(_ resources: TaskResources, _ info: HostInfo) -> [Fault?] {
        var faults: [Fault] = []
        if let swap = resources.memorySwap, swap != -1, swap != resources.memory, !info.limitsSwap {
            faults.append(
                (
                    ["resources", "memorySwap"],
                    "needs a kernel that accounts swap (swapaccount=1), and this one does not"
                ))
        }
        for (size, limit) in resources.hugepages.sorted(by: { $0.key < $1.key })
        where limit != 0 && !info.hugepageSizes.contains(size) {
            let sizes = info.hugepageSizes.sorted().joined(separator: ", ")
            faults.append(
                (
                    ["resources", "hugepages", size],
                    "cannot be limited here: "
                        + (sizes.isEmpty
                            ? "no hierarchy has the controller hugetlb" : "the sizes are \(sizes)")
                ))
        }
        if !resources.unified.isEmpty, !info.cgroup.isSame(as: "v2") {
            faults.append(
                (
                    ["resources", "unified"],
                    "sets files of cgroup v2, and this host has cgroup \(info.cgroup)"
                ))
        }
        return faults
    }

    /// The task with an oom_score_adj that the daemon may set: the kernel refuses a lower one to a
    /// process without CAP_SYS_RESOURCE. The raised value is recorded, shown, and compared.
    func raisingOOMScore(_ task: TaskSpec) -> TaskSpec {
        guard let asked = task.resources.oomScoreAdj else { return task }
        var task = task
        task.resources.oomScoreAdj = max(asked, info.leastOOMScoreAdj)
        return task
    }

    private func capabilityFaults(_ task: TaskSpec, _ info: HostInfo) -> [Fault?] {
        [("add", task.addCapabilities), ("ambient", task.security.ambientCapabilities)].flatMap {
            member, names in
            names.enumerated().map { index, name -> Fault? in
                guard info.withheldCapabilities.contains(name) else { return nil }
                return (
                    ["capabilities", member, "\(index)"],
                    "'\(name)' cannot be given, because the daemon itself does not have it"
                )
            }
        }
    }

    /// A process without CAP_SYS_RESOURCE cannot raise a hard limit (getrlimit(2)).
    private func limitFaults(_ task: TaskSpec, _ info: HostInfo) -> [Fault?] {
        task.security.rlimits.enumerated().map { index, limit in
            guard let most = info.hardLimits[limit.type], limit.hard > most else { return nil }
            return (
                ["rlimits", "\(index)", "hard"],
                "must be at most \(most), the daemon's own hard limit, because the daemon has no "
                    + "CAP_SYS_RESOURCE; and is \(Int64(bitPattern: limit.hard))"
            )
        }
    }
}
