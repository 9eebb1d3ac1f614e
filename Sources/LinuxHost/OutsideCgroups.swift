// The cgroups of pods below parents that clients named, such as the kubelet's.
//
// A record names the parent of its pod. These looks are for pods without a record: our mark and the
// uid are in the cgroup's name, so it is found wherever it is.

import Bytes
import EventLoop
import Host
import Kernel
import Linux
import Model

@Loop final class OutsideCgroups {
    /// The parents that may have a cgroup of ours; `nil` until the first look has searched all.
    private var parents: Set<String>?
    /// The parents that appeared before the first look.
    private var early: Set<String> = []

    /// Kubernetes' parents, which are searched each time.
    private static let kubernetes = ["/kubepods", "/kubepods.slice"]
    /// A cgroup tree can be of any depth, and a search must end.
    private static let mostLevels = 32

    nonisolated init() {}

    /// The daemon is about to make a cgroup of this path.
    func note(_ workload: String) {
        guard let parent = Files.parent(of: workload) else { return }
        if parents == nil { early.insert(parent) } else { parents?.insert(parent) }
    }

    /// Returns one directory of each pod's cgroup, by uid. The first look searches all cgroups of
    /// the host, because only there a cgroup can be whose record was lost. A later look searches
    /// the parents in which the daemon has made or found one.
    func look(_ host: LinuxHost) -> [String: String] {
        let found =
            if let parents {
                OutsideCgroups.kubernetes.flatMap { search($0, host) }
                    + parents.flatMap { search($0, host, levels: 1) }
            } else { search("", host) }
        parents = Set(found.compactMap { Files.parent(of: $0.path) }).union(early)
        early = []
        return Dictionary(found.map { ("\($0.uid)", $0.directory) }) { first, _ in first }
    }

    /// Returns the paths of the pod's cgroups, anywhere on the host.
    func paths(of pod: UID, _ host: LinuxHost) -> [String] {
        Set(search("", host).filter { $0.uid == pod }.map(\.path)).sorted()
    }

    private struct Found {
        let uid: UID
        /// From the root of the hierarchy.
        let path: String
        let directory: String
    }

    private func search(
        _ top: String, _ host: LinuxHost, levels: Int = mostLevels
    ) -> [Found] {
        var found: [Found] = []
        for hierarchy in host.kernel.hierarchies {
            search(top, hierarchy, host.layout, levels, &found)
        }
        return found
    }

    /// It does not go into cgroups of ours: a task may make any name there.
    private func search(
        _ path: String, _ hierarchy: CgroupHierarchy, _ layout: Layout, _ levels: Int,
        _ found: inout [Found]
    ) {
        guard levels > 0, !path.isSame(as: layout.settings.cgroupParent) else { return }
        var names: [String] = []
        ignoring("gone meanwhile") { () throws(SystemCallFailure) in
            names = try Files.directories(in: hierarchy.directory(path))
        }
        for name in names {
            let child = "\(path)/\(name)"
            if let uid = layout.outsideUID(name) {
                found.append(
                    Found(uid: uid, path: child, directory: hierarchy.directory(child)))
            } else {
                search(child, hierarchy, layout, levels - 1, &found)
            }
        }
    }
}
