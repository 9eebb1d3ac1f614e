// How each of them is planted, and how it is removed.

import Census
import Foundation
import Glibc

extension Plant {
    func plantProcess(_ mark: String) throws -> () throws -> Void {
        switch self {
        case .zombie: try child("sh", "-c", "sh -c exit & kill -STOP $$", mark)
        case .thread:
            try python("import threading; threading.Thread(target=signal.pause).start()", mark)
        case .descriptors:
            try python(
                """
                import select; held = [select.epoll(), os.pidfd_open(os.getpid()), os.pipe(), \
                os.memfd_create('x'), os.eventfd(0), os.eventfd(0)]
                """, mark)
        default: try child("sh", "-c", "kill -STOP $$", mark)
        }
    }

    /// Each mount is in a namespace of its own. The shell that stays in it has our mark, or is a
    /// stranger in whose namespace something of ours is mounted.
    func plantMount(_ home: String) throws -> () throws -> Void {
        let tmpfs = "mount -t tmpfs none \(home)/run/mount && cd \(home)/run/mount"
        let stop = "kill -STOP $$"
        switch self {
        case .overlayElsewhere:
            for name in ["upper", "work", "lower"] { try makeDirectory("\(home)/\(name)") }
            let options = "lowerdir=lower,upperdir=\(home)/upper,workdir=\(home)/work"
            let script = "cd \(home) && mount -t overlay none -o \(options) /mnt && exec sleep 1000"
            return try inMountNamespace(script)
        case .detachedFile:
            return try inMountNamespace(
                "\(tmpfs) && exec 3>held && cd / && umount -l -- \"$OLDPWD\" && \(stop)")
        case .detachedDirectory:
            return try inMountNamespace("\(tmpfs) && umount -l \(home)/run/mount && \(stop)")
        default: return try inMountNamespace("\(tmpfs) && cd / && exec sleep 1000")
        }
    }

    /// A file system on a file of ours. A stranger may hold it although it is not mounted.
    func plantLoop(_ home: String) throws -> () throws -> Void {
        let disk = home + "/disk"
        try Command.run("truncate", "-s", "8M", disk)
        try Command.run("mkfs.ext4", "-q", "-O", "^has_journal", disk)
        let device = try Command.run("losetup", "-f", "--show", disk).output
            .trimmingCharacters(in: .whitespacesAndNewlines)
        guard device.hasPrefix("/dev/loop") else { throw Broken("losetup: \(device)") }
        var end: () throws -> Void = {}
        if self == .detachedSuperblock {
            end = try inMountNamespace(
                "mount \(device) /mnt && exec 3>/mnt/held && umount -l /mnt && kill -STOP $$")
        }
        return {
            try end()
            try Command.run("losetup", "-d", device)
            try Command.run("rm", "-f", disk)
        }
    }

    func plantSocket(_ home: String) throws -> () throws -> Void {
        switch self {
        case .socket: return try boundSocket(home + "/planted.sock")
        case .socketInNetwork:
            let bind =
                "import socket; s = socket.socket(socket.AF_UNIX); s.bind('\\0staunch-planted')"
            return try child(
                "unshare", "-n", "python3", "-c", "\(bind); import signal; signal.pause()",
                home + "/")
        case .namespace:
            return try child(
                "unshare", "-i", "sh", "-c", "exec 3</proc/self/ns/ipc; kill -STOP $$",
                home + "/")
        default: return try child("unshare", "-n", "sh", "-c", "kill -STOP $$", home + "/")
        }
    }

    func plantOnHost() throws -> () throws -> Void {
        if self == .address {
            let directory = "/var/lib/cni/networks/\(Plant.ipam)"
            try makeDirectory(directory)
            try write("holder\neth0", to: directory + "/10.255.0.2")
            // A parent directory is removed only if it is empty.
            return {
                try Command.run("rm", "-rf", directory)
                try Command.run("rmdir", "/var/lib/cni/networks", "/var/lib/cni")
            }
        }
        try Command.run(
            "ip", "link", "add", Plant.veth, "type", "veth", "peer", "name", Plant.veth + "p")
        if self == .port {
            try Command.run("ip", "link", "add", Plant.bridge, "type", "bridge")
            try Command.run("ip", "link", "set", Plant.veth, "master", Plant.bridge)
        }
        return {
            try Command.run("ip", "link", "del", Plant.veth)
            try Command.run("ip", "link", "del", Plant.bridge)
        }
    }

    func plantCgroup(_ parent: String) throws -> () throws -> Void {
        let paths = Census.hierarchies.map { $0 + parent }
        for path in paths { try makeDirectory(path + "/pod") }
        // SAFETY: rmdir reads the path only during the call.
        return { for path in paths.flatMap({ [$0 + "/pod", $0] }) { unsafe rmdir(path) } }
    }

    func plantFile(_ home: String) throws -> () throws -> Void {
        switch self {
        case .tooDeep:
            let top = home + "/data/d"
            try makeDirectory(top + String(repeating: "/d", count: 210))
            return { try Command.run("rm", "-rf", top) }
        case .fileNotUTF8:
            let name = Array((home + "/run/a").utf8CString.dropLast()) + [-1, 92, 10, 0]
            // SAFETY: the name ends in NUL and lives for the calls.
            guard unsafe mkdir(name, 0o700) == 0 else { throw Broken("mkdir: errno \(errno)") }
            return { unsafe rmdir(name) }
        default:
            let path = home + "/run/forgotten"
            try write("", to: path)
            return { try Command.run("rm", "-f", path) }
        }
    }

    /// The content keeps its length and the time is set back, so only the hash shows the change.
    func plantBound(_ directory: String) throws -> () throws -> Void {
        let canary = directory + "/canary"
        switch self {
        case .boundMode:
            try Command.run("chmod", "600", canary)
            return { try Command.run("chmod", "644", canary) }
        case .boundFile:
            let time = try Command.run("stat", "-c", "%y", directory).output
            try write("", to: directory + "/more")
            return {
                try Command.run("rm", "-f", directory + "/more")
                try Command.run("touch", "-d", time, directory)
            }
        default:
            try write("as it is!", to: canary)
            try setTime(of: canary)
            return {
                try write("as it was", to: canary)
                try setTime(of: canary)
            }
        }
    }
}

private func inMountNamespace(_ script: String) throws -> () throws -> Void {
    try child("unshare", "-m", "sh", "-c", script)
}

private func python(_ script: String, _ mark: String) throws -> () throws -> Void {
    try child("python3", "-c", "import os, signal; \(script); signal.pause()", mark)
}

private func child(_ words: String...) throws -> () throws -> Void {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    return {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}

private func boundSocket(_ path: String) throws -> () throws -> Void {
    let descriptor = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = try unixAddress(path)
    // SAFETY: bind reads the address only during the call.
    let result = unsafe withUnsafePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
            unsafe bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard result == 0 else { throw Broken("bind \(path): errno \(errno)") }
    return {
        close(descriptor)
        try Command.run("rm", "-f", path)
    }
}
