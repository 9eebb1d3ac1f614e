// A root file system for tasks: busybox, and some users.

import Foundation

struct Rootfs {
    let path: String

    /// Makes one below `directory`. Each test has its own, and may change it.
    init(below directory: String) throws {
        path = directory + "/rootfs"
        for name in ["bin", "etc", "tmp", "data"] { try makeDirectory("\(path)/\(name)") }
        try FileManager.default.copyItem(
            atPath: "/usr/bin/busybox", toPath: path + "/bin/busybox")
        let applets = try Command.run("busybox", "--list").output.split(separator: "\n")
        for applet in applets where applet != "busybox" {
            try FileManager.default.createSymbolicLink(
                atPath: "\(path)/bin/\(applet)", withDestinationPath: "busybox")
        }
        try write(
            "root:x:0:0:root:/:/bin/sh\nstaff:x:1234:2345:staff:/:/bin/sh\n",
            to: path + "/etc/passwd")
        try write("root:x:0:\nstaff:x:2345:\nwheel:x:77:staff\n", to: path + "/etc/group")
    }

    /// A task that runs `script`. `more` contains JSON members, such as `"user": "staff"`.
    func task(_ script: String, _ more: String = "", readOnly: Bool = false) -> String {
        task(args: ["sh", "-c", script], more, readOnly: readOnly)
    }

    func task(args: [String], _ more: String = "", readOnly: Bool = false) -> String {
        let words = args.map(quoted).joined(separator: ", ")
        return """
            {"rootfs": {"path": \(quoted(path)), "readOnly": \(readOnly)}, "args": [\(words)]\
            \(more.isEmpty ? "" : ", " + more)}
            """
    }

    /// A pod with one task, `app`.
    func pod(_ script: String, _ more: String = "", podMore: String = "") -> String {
        """
        {"tasks": {"app": \(task(script, more))}\(podMore.isEmpty ? "" : ", " + podMore)}
        """
    }

    /// A pod whose task runs until it is told to end.
    var sleeper: String { pod("exec sleep 100000") }
}
