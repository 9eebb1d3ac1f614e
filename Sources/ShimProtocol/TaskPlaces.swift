// The places of a task's mounts. The daemon and the mount helper exchange them in files of the
// task's bundle. A packet has room for some 200 KiB, but a task may have 100 mounts of 8 KiB each.

/// The daemon writes this into `places` before it requests the task's rootfs.
package struct TaskPlaces: Equatable, Sendable {
    package let cwd: String
    /// In the order in which the runtime mounts them.
    package let mounts: [WireMount]

    package init(cwd: String, mounts: [WireMount]) {
        self.cwd = cwd
        self.mounts = mounts
    }
}

package struct WireMount: Equatable, Sendable {
    package let target: String
    /// A path on the host; `nil` for a file system that is made for the task.
    package let source: String?
    /// Whether a missing source is made, as a directory.
    package let create: Bool
    /// Where the pod's document asks for a shared mount, as a JSON pointer; `nil` if it does not.
    package let sharedBy: String?

    package init(
        target: String, source: String?, create: Bool = false, sharedBy: String? = nil
    ) {
        self.target = target
        self.source = source
        self.create = create
        self.sharedBy = sharedBy
    }
}

extension TaskPlaces {
    /// The version of the files' form. Version 2 of the places also has `create`, and version 3
    /// `sharedBy`. Each is written only if a mount has that, because older shims do not know it.
    fileprivate static let version: UInt16 = 1
    fileprivate static let versionWithCreate: UInt16 = 2
    fileprivate static let versionWithShared: UInt16 = 3

    private var version: UInt16 {
        if mounts.contains(where: { $0.sharedBy != nil }) { return TaskPlaces.versionWithShared }
        let creates = mounts.contains(where: \.create)
        return creates ? TaskPlaces.versionWithCreate : TaskPlaces.version
    }

    /// Where the runtime finds the source of a shared mount: a mount in the runtime's namespace.
    /// `index` is that of the mount.
    package static func sharedSource(_ index: Int, in bundle: String) -> String {
        "\(bundle)/shared-\(index)"
    }

    /// The largest file that is read, in bytes; a document of 1 MiB produces less.
    package static let limit = 4 << 20

    package func fileContent() -> [UInt8] {
        var writer = WireWriter()
        let version = version
        writer.put(version)
        writer.put(cwd)
        writer.put(list: mounts) { writer, mount in
            writer.put(mount.target)
            writer.put(optional: mount.source) { writer, source in writer.put(source) }
            if version >= TaskPlaces.versionWithCreate {
                writer.put(flag: mount.create)
            }
            if version >= TaskPlaces.versionWithShared {
                writer.put(optional: mount.sharedBy) { writer, place in writer.put(place) }
            }
        }
        return writer.bytes
    }

    package static func parse(fileContent: [UInt8]) throws(WireFault) -> TaskPlaces {
        var reader = WireReader(fileContent)
        let version = try reader.number(UInt16.self)
        guard (TaskPlaces.version...TaskPlaces.versionWithShared).contains(version) else {
            throw WireFault("version \(version)")
        }
        let places = TaskPlaces(
            cwd: try reader.text(),
            mounts: try reader.list { (reader: inout WireReader) throws(WireFault) in
                WireMount(
                    target: try reader.text(), source: try reader.optionalText(),
                    create: version >= TaskPlaces.versionWithCreate ? try reader.flag() : false,
                    sharedBy: version >= TaskPlaces.versionWithShared
                        ? try reader.optionalText() : nil)
            })
        try reader.end()
        return places
    }
}

/// The mount helper writes this into `targets`: each mount's target, free of links.
package enum TaskTargets {
    package static func fileContent(_ targets: [String]) -> [UInt8] {
        var writer = WireWriter()
        writer.put(TaskPlaces.version)
        writer.put(list: targets) { writer, target in writer.put(target) }
        return writer.bytes
    }

    package static func parse(fileContent: [UInt8]) throws(WireFault) -> [String] {
        var reader = try WireReader(fileContent, version: TaskPlaces.version)
        let targets = try reader.list { (reader: inout WireReader) throws(WireFault) in
            try reader.text()
        }
        try reader.end()
        return targets
    }
}

extension WireReader {
    fileprivate mutating func optionalText() throws(WireFault) -> String? {
        try optional { (reader: inout WireReader) throws(WireFault) in try reader.text() }
    }
}
