// The files below our directories, and the cgroups.

import Kernel
import Linux

/// A directory of the walk.
struct Place: ~Copyable {
    let directory: OwnedDescriptor
    /// The path as a line shows it.
    let path: String
    let depth: Int
}

extension Census {
    mutating func addFiles(_ marks: Marks) {
        for root in marks.roots {
            walk(root) { census, _, _, path in census.names.insert("file \(path)") }
        }
    }

    /// Visits everything below `start` by descriptors. It enters no mount and follows no link. If
    /// `start` is not a directory, it visits nothing.
    mutating func walk(
        _ start: String,
        _ visit: (inout Census, borrowing Place, DirectoryEntry, String) -> Void
    ) {
        do {
            let top = try OwnedDescriptor.directory(start)
            try walk(Place(directory: top, path: shown(start.utf8), depth: 0), visit)
        } catch {
            if !isAbsence(error) { addUnreadable(shown(start.utf8), error.errnoText) }
        }
    }

    private mutating func walk(
        _ place: consuming Place,
        _ visit: (inout Census, borrowing Place, DirectoryEntry, String) -> Void
    ) throws(SystemCallFailure) {
        for entry in try place.directory.entries(subject: place.path) {
            let path = "\(place.path)/\(shown(entry.bytes))"
            visit(&self, place, entry, path)
            guard entry.mayBeDirectory else { continue }
            // One descriptor is held per level, and a container may make any number of levels.
            guard place.depth < 200 else {
                addUnreadable(path, "too deep")
                continue
            }
            do {
                let below = try place.directory.directory(entry.name, subject: path)
                try walk(Place(directory: below, path: path, depth: place.depth + 1), visit)
            } catch {
                if !isAbsence(error) { addUnreadable(path, error.errnoText) }
            }
        }
    }

    /// The parent itself belongs to the daemon and to no pod.
    mutating func addCgroups(_ marks: Marks) {
        for hierarchy in Census.hierarchies {
            walk(hierarchy + marks.cgroupParent) { census, _, entry, path in
                if entry.mayBeDirectory { census.names.insert("cgroup \(path)") }
            }
            let below = Array("\(hierarchy)\(marks.cgroupParent)/".utf8)
            walk(hierarchy) { census, _, entry, path in
                let isOurs = marks.isOutside(Array(path.utf8)) && !path.utf8.starts(with: below)
                if entry.mayBeDirectory && isOurs { census.names.insert("cgroup \(path)") }
            }
        }
    }
}

extension Census {
    /// The mount points of the cgroup hierarchies.
    package static var hierarchies: [String] {
        do { return Set(try Cgroups.hierarchies().map(\.mountPoint)).sorted() } catch { return [] }
    }

    /// `parent` and every cgroup below it, in every hierarchy.
    package static func cgroups(of parent: String) -> [String] {
        hierarchies.flatMap { hierarchy in below(hierarchy + parent) }
    }

    private static func below(_ directory: String) -> [String] {
        do {
            guard try Files.exists(directory) else { return [] }
            let children = try Files.directories(in: directory)
            return [directory] + children.flatMap { below("\(directory)/\($0)") }
        } catch { return [directory] }
    }

    /// Every process in a cgroup at or below `parent`, in any hierarchy, except zombies.
    package static func processes(in parent: String) -> Set<Int32> {
        do {
            return try Cgroup(path: parent, hierarchies: Cgroups.hierarchies()).processes()
        } catch { return [] }
    }
}

/// Gone meanwhile (ENOENT), not a directory (ENOTDIR), a link (ELOOP), a cgroup that is being
/// removed (ENODEV), or a mount (EXDEV), which has its own line.
private func isAbsence(_ failure: SystemCallFailure) -> Bool {
    [2, 20, 40, 19, 18].contains(failure.errno)
}
