// A program's copies below a directory. Their names depend on their content, so that another
// version never replaces the file of a running process.

import Bytes

/// The copies of one program.
package struct ProgramCopies {
    /// An absolute path.
    package let directory: String
    /// The file's name in each copy's own directory.
    package let name: String

    /// The most bytes of a program.
    private static let limit = 64 << 20

    package init(directory: String, name: String) {
        self.directory = directory
        self.name = name
    }

    /// Copies `source` unless the copy exists. Waits for the disk of `source`.
    package func add(_ source: ProgramFile) throws(SystemCallFailure) -> (path: String, isNew: Bool)
    {
        let program = try Files.readRegular(source.path, limit: ProgramCopies.limit)
        let path = path(ProgramCopies.contentName(program))
        if Files.isExecutable(path) { return (path, false) }
        if let parent = Files.parent(of: path) { try Files.makeDirectories(parent) }
        try Files.replace(path, program, mode: 0o700)
        return (path, true)
    }

    /// Any copy; `nil` if there is none.
    package func any() throws(SystemCallFailure) -> String? {
        try Files.names(in: directory).sorted().map(path).first(where: Files.isExecutable)
    }

    package func remove(_ path: String) throws(SystemCallFailure) {
        guard let parent = Files.parent(of: path), let name = parent.cutAtLast("/")?.after
        else { return }
        try Tree.remove(name, in: directory)
    }

    /// Removes the other copies. A process that runs one keeps its pages; only the name is removed.
    package func removeAll(but kept: String) throws(SystemCallFailure) {
        for other in try Files.names(in: directory) where path(other) != kept {
            try Tree.remove(other, in: directory)
        }
    }

    private func path(_ version: String) -> String { "\(directory)/\(version)/\(name)" }

    /// FNV-1a over eight bytes at a time: a name, not protection against tampering.
    private static func contentName(_ bytes: [UInt8]) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        // SAFETY: each load is within the bytes, which live for the call.
        unsafe bytes.withUnsafeBytes { bytes in
            for index in stride(from: 0, to: bytes.count - 7, by: 8) {
                let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                hash = (hash ^ word) &* 0x100_0000_01b3
            }
        }
        for index in bytes.count / 8 * 8..<bytes.count {
            hash = (hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3
        }
        hash = (hash ^ UInt64(bytes.count)) &* 0x100_0000_01b3
        return String(hash, radix: 16)
    }
}
