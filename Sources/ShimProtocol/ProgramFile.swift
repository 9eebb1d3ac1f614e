// The file with the program of a task's health check, if the shim can start that without the
// runtime. The daemon writes it into the bundle; older shims do not know it.

package import Kernel

extension TaskProgram {
    package static let fileName = "program"
    /// The name of an empty file in the bundle of a task whose pod shares its PID namespace. If it
    /// exists, no process of the task has CAP_SYS_PTRACE.
    package static let blindMark = "blind"
    /// The largest file that is read, in bytes.
    package static let fileLimit = 4 << 20

    package func fileContent() -> [UInt8] {
        var writer = WireWriter()
        writer.put(1 as UInt16)
        writer.put(list: arguments) { writer, word in writer.put(word) }
        writer.put(list: environment) { writer, word in writer.put(word) }
        writer.put(directory)
        for number in [uid, gid, umask] { writer.put(number) }
        writer.put(list: groups) { writer, group in writer.put(group) }
        for set in [bounding, permitted, inheritable, ambient] { writer.put(set) }
        writer.put(flag: noNewPrivileges)
        writer.put(optional: oomScore) { writer, score in writer.put(score) }
        writer.put(list: limits) { writer, limit in
            writer.put(limit.resource)
            writer.put(limit.soft)
            writer.put(limit.hard)
        }
        writer.put(bytes: filter)
        writer.put(keyring)
        return writer.bytes
    }

    package static func parse(fileContent: [UInt8]) throws(WireFault) -> TaskProgram {
        var reader = try WireReader(fileContent, version: 1)
        func text(_ reader: inout WireReader) throws(WireFault) -> String { try reader.text() }
        var program = TaskProgram(
            try reader.list(text), environment: try reader.list(text), keyring: "")
        program.directory = try reader.text()
        program.uid = try reader.number()
        program.gid = try reader.number()
        program.umask = try reader.number()
        program.groups = try reader.list { (reader: inout WireReader) throws(WireFault) in
            try reader.number()
        }
        program.bounding = try reader.number()
        program.permitted = try reader.number()
        program.inheritable = try reader.number()
        program.ambient = try reader.number()
        program.noNewPrivileges = try reader.flag()
        program.oomScore = try reader.optional { (reader: inout WireReader) throws(WireFault) in
            try reader.number()
        }
        program.limits = try reader.list { (reader: inout WireReader) throws(WireFault) in
            Limit(
                resource: try reader.number(), soft: try reader.number(),
                hard: try reader.number())
        }
        program.filter = try reader.bytes()
        program.keyring = try reader.text()
        try reader.end()
        return program
    }
}
