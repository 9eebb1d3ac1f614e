// A log file that a client names.

package struct ClientLog: Equatable, Sendable {
    /// The directory that the operator allows. Links below it are not followed, because others may
    /// write there.
    package let root: String
    /// The file's absolute path, which is below the root.
    package let path: String

    package init(root: String, path: String) {
        self.root = root
        self.path = path
    }
}

extension ClientLog {
    func write(_ writer: inout WireWriter) {
        writer.put(root)
        writer.put(path)
    }

    static func read(_ reader: inout WireReader) throws(WireFault) -> ClientLog {
        ClientLog(root: try reader.text(), path: try reader.text())
    }
}
