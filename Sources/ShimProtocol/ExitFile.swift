// The exit file of a task's attempt, from which a daemon learns the exit if the shim is gone.

package import Kernel

extension TaskExit {
    /// The version of the file's form.
    private static let fileVersion: UInt16 = 1

    /// The size of a task's exit file. It is created with the task, so storing an exit needs no
    /// space.
    package static let fileSize = 64

    /// The content of the exit file: the record's length, and the record.
    package func fileContent() -> [UInt8] {
        var writer = WireWriter()
        writer.put(TaskExit.fileVersion)
        write(&writer)
        return [UInt8(writer.bytes.count)] + writer.bytes
    }

    /// `nil` if no exit is stored yet.
    package static func parse(fileContent: [UInt8]) throws(WireFault) -> TaskExit? {
        guard let count = fileContent.first, count > 0 else { return nil }
        let record = Array(fileContent.dropFirst().prefix(Int(count)))
        var reader = try WireReader(record, version: TaskExit.fileVersion)
        let exit = try read(&reader)
        try reader.end()
        return exit
    }
}
