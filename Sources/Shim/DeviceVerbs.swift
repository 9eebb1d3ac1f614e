// Looks at devices for the daemon. A path may lead to a disk that does not answer, so a helper
// waits for it (law 4).

import Bytes
import Kernel
import Linux

/// Each line is `c` or `b`, the major and the minor number, the permission bits, the owner, the
/// group, and the path; numbers are decimal.
enum DeviceVerbs {
    /// `devices PATH …`: a line for each path, in their order. Links are followed.
    static func named(_ paths: [String]) throws(SystemCallFailure) -> CInt {
        var text: [UInt8] = []
        for path in paths {
            guard let device = try DeviceFile(following: path) else {
                // ENODEV
                throw SystemCallFailure(call: "not a device", subject: path, errno: 19)
            }
            append(device, path, to: &text)
        }
        return try write(text)
    }

    /// `host-devices`: a line for each device of the host, without the devices that every
    /// container has of its own.
    static func all() throws(SystemCallFailure) -> CInt {
        var text: [UInt8] = []
        try walk("/dev", on: try DeviceFile.fileSystem(of: "/dev"), &text)
        return try write(text)
    }

    private static let own = [
        "console", "full", "null", "ptmx", "random", "tty", "urandom", "zero",
    ].map { "/dev/" + $0 }

    /// Does not follow links, and does not leave the file system: `/dev/pts`, `/dev/shm` and
    /// `/dev/mqueue` are others, and a container has its own.
    private static func walk(
        _ directory: String, on fileSystem: UInt64, _ text: inout [UInt8]
    ) throws(SystemCallFailure) {
        for name in try Files.names(in: directory).sorted() {
            let path = "\(directory)/\(name)"
            // A name with a line break would be another line.
            if path.utf8.contains(where: { $0 < 0x20 }) { continue }
            do throws(SystemCallFailure) {
                if let device = try DeviceFile(at: path) {
                    if !own.contains(where: { $0.isSame(as: path) }) {
                        append(device, path, to: &text)
                    }
                } else if try DeviceFile.isDirectory(path, on: fileSystem) {
                    try walk(path, on: fileSystem, &text)
                }
            } catch {
                // ENOENT: it was removed meanwhile.
                guard error.errno == 2 else { throw error }
            }
        }
    }

    private static func append(_ device: DeviceFile, _ path: String, to text: inout [UInt8]) {
        let kind = device.isBlock ? "b" : "c"
        let line =
            "\(kind) \(device.major) \(device.minor) \(device.mode) \(device.owner) "
            + "\(device.group) \(path)\n"
        text.append(contentsOf: line.utf8)
    }

    private static func write(_ text: [UInt8]) throws(SystemCallFailure) -> CInt {
        try OwnedDescriptor(adopting: 1).writeAll(text)
        return 0
    }
}
