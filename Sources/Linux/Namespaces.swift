// Namespaces, and the descriptors that hold a namespace without any processes.
//
// A namespace has a file in nsfs. Its inode number is the namespace's, and may be reused later. The
// kernel creates the inode at the first open and drops it with the last descriptor. A shim keeps
// its own namespaces' files open, so each has one inode from the shim's start until the last holder
// lets go. The inode's time distinguishes it from any later one. A task may change that time
// (fchmod(2), which new kernels refuse). That hides the namespace's owner, but not that it is held.

import Bytes
import CLinux
import Glibc
import Kernel

/// The file of a namespace: the same for every process that opens it.
package struct NamespaceFile: Hashable, Sendable {
    /// Such as `net`.
    package let kind: String
    package let inode: UInt64
    /// The inode's creation time (st_ctim): nanoseconds since 1970.
    package let made: Int64
}

/// A namespace that is held by descriptors, with at most `Namespaces.holdersShown` holders.
package struct NamespaceHold: Sendable {
    package let file: NamespaceFile
    /// Whether a process or thread is in it.
    package fileprivate(set) var isInhabited = false
    package fileprivate(set) var holders: [Holder]

    package struct Holder: Sendable {
        package let pid: Int32
        package let descriptor: String
        package let place: PodPlace
    }
}

/// A process's place below the pods' parent cgroup.
package struct PodPlace: Equatable, Sendable {
    /// The name of the cgroup below the parent: a pod's uid.
    package let pod: String
    package let task: String?
    package let isShim: Bool

    /// Takes a process's cgroups below the parent, one for each hierarchy; `nil` if there are none.
    package init?(below cgroups: [String]) {
        self.init(cgroups, mark: "")
    }

    /// The same for cgroups below a parent of a client's: the pod's name follows `mark`.
    package init?(outside cgroups: [String], mark: String) {
        let tails = cgroups.compactMap { path -> String? in
            let names = path.fields("/")
            let first = names.firstIndex { $0.begins(with: mark) }
            return first.map { names[$0...].joined(separator: "/") }
        }
        self.init(tails, mark: mark)
    }

    private init?(_ cgroups: [String], mark: String) {
        guard let parts = cgroups.first?.fields("/"), let first = parts.first?.after(mark) else {
            return nil
        }
        pod = first
        task = parts.lazy.compactMap { $0.after("task-") }.first
        isShim = parts.count == 2 && parts[1].isSame(as: "shim")
    }
}

package enum Namespaces {
    package static let holdersShown = 4
    /// The most namespaces in one report, because tasks may create any number.
    private static let most = 1000

    /// Keeps the files of the caller's own namespaces open until the process ends. If no descriptor
    /// is left, their owner is unknown later.
    package static func keepOwn(_ kinds: [String]) {
        for kind in kinds {
            ignoring("whose the namespace was cannot be told later") {
                () throws(SystemCallFailure) in
                _ = try OwnedDescriptor.opening("/proc/self/ns/\(kind)", O_RDONLY).release()
            }
        }
    }

    /// The process's namespaces of these kinds; an unreadable namespace is left out.
    package static func files(of pid: Int32, _ kinds: [String]) -> [NamespaceFile] {
        kinds.compactMap { kind in
            var found = stat()
            // SAFETY: the C string lives for the call, and `found` is written before it returns.
            guard unsafe stat("/proc/\(pid)/ns/\(kind)", &found) == 0 else { return nil }
            return NamespaceFile(kind: kind, found)
        }
    }

    /// The namespaces that processes of pods have open: those below the cgroup `parent`, or below a
    /// cgroup whose name begins with `mark`. Skips the caller's own, descriptors of shims, and the
    /// processes `but`. Scans /proc, so it is only for helpers.
    package static func held(
        below parent: String, mark: String?, but others: Set<Int32>
    ) -> [NamespaceHold] {
        let pids = names("/proc").compactMap { Int32($0) }
        let own = Set(names("/proc/self/ns").compactMap { linkText("/proc/self/ns/\($0)") })
        let prefix = Array("\(parent)/".utf8)
        var found: [String: NamespaceHold] = [:]
        for pid in pids where !others.contains(pid) {
            let open = openNamespaces(of: pid).filter { !own.contains($0.name) }
            // Reading a process's cgroups costs the kernel more than listing its descriptors.
            guard !open.isEmpty,
                let place = place(of: pid, below: prefix, mark: mark), !place.isShim
            else { continue }
            for (descriptor, name) in open {
                let holder = NamespaceHold.Holder(pid: pid, descriptor: descriptor, place: place)
                add(holder, "/proc/\(pid)/fd/\(descriptor)", name, to: &found)
            }
        }
        let inhabited = found.isEmpty ? [] : inhabited(pids, among: Set(found.keys))
        for name in inhabited { found[name]?.isInhabited = true }
        return found.values.sorted { $0.file.inode < $1.file.inode }
    }

    private static func place(of pid: Int32, below prefix: [UInt8], mark: String?) -> PodPlace? {
        guard let cgroups = ProcFS.cgroups(of: pid) else { return nil }
        let inside = cgroups.filter { $0.utf8.starts(with: prefix) }
            .map { String(decoding: $0.utf8.dropFirst(prefix.count), as: UTF8.self) }
        return PodPlace(below: inside)
            ?? mark.flatMap { PodPlace(outside: cgroups, mark: $0) }
    }

    private static func openNamespaces(of pid: Int32) -> [(descriptor: String, name: String)] {
        names("/proc/\(pid)/fd").compactMap { descriptor in
            let target = Files.linkTarget("/proc/\(pid)/fd/\(descriptor)")
            guard let target, target.first != UInt8(ascii: "/") else { return nil }
            let name = String(decoding: target, as: UTF8.self)
            return isNamespace(name) ? (descriptor, name) : nil
        }
    }

    private static func add(
        _ holder: NamespaceHold.Holder, _ path: String, _ name: String,
        to found: inout [String: NamespaceHold]
    ) {
        if let known = found[name] {
            if known.holders.count < holdersShown { found[name]?.holders.append(holder) }
        } else if found.count < most, let file = file(at: path) {
            let isSame = "\(file.kind):[\(file.inode)]".isSame(as: name)
            if isSame { found[name] = NamespaceHold(file: file, holders: [holder]) }
        }
    }

    /// The namespace behind a link of /proc. Opened with O_PATH, because the process may have
    /// replaced the descriptor by a file whose disk does not answer.
    private static func file(at path: String) -> NamespaceFile? {
        do {
            let file = try OwnedDescriptor.path(path)
            guard let name = linkText("/proc/self/fd/\(file.number)"), isNamespace(name) else {
                return nil
            }
            var found = stat()
            // SAFETY: `found` is written before the call returns.
            guard unsafe fstat(file.number, &found) == 0 else { return nil }
            return NamespaceFile(kind: name.upTo(":"), found)
        } catch { return nil }
    }

    /// The namespaces of `wanted` that contain a thread of any process, or will contain its
    /// children.
    private static func inhabited(_ pids: [Int32], among wanted: Set<String>) -> Set<String> {
        let kinds = Set(wanted.map { $0.upTo(":") })
        let links = names("/proc/self/ns").filter { kinds.contains($0.upTo("_")) }
        var found: Set<String> = []
        for pid in pids {
            for thread in names("/proc/\(pid)/task") {
                for link in links {
                    let name = linkText("/proc/\(pid)/task/\(thread)/ns/\(link)")
                    if let name, wanted.contains(name) { found.insert(name) }
                }
            }
        }
        return found
    }

    /// Whether it is a name such as `net:[4026532180]`. A path begins with a slash, and no other
    /// file without a path has one of these names.
    private static func isNamespace(_ name: String) -> Bool { known.contains(name.upTo(":")) }

    private static let known: Set<String> = [
        "net", "ipc", "uts", "mnt", "pid", "user", "cgroup", "time",
    ]

    private static func linkText(_ path: String) -> String? {
        Files.linkTarget(path).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func names(_ directory: String) -> [String] {
        do { return try Files.names(in: directory) } catch { return [] }
    }
}

extension NamespaceFile {
    fileprivate init(kind: String, _ found: stat) {
        let made = found.st_ctim
        self.init(
            kind: kind, inode: UInt64(found.st_ino),
            made: Int64(made.tv_sec) * 1_000_000_000 + Int64(made.tv_nsec))
    }
}
