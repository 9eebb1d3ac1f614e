// A program's copies below a directory. Their names depend on their content, so that another
// version never replaces the file of a running process. A new copy is on trial under another name,
// until it has been seen to run: nothing else is started from it.

import Bytes
package import Kernel

/// The copies of one program.
package struct ProgramCopies {
    /// An absolute path.
    package let directory: String
    /// The file's name in each copy's own directory.
    package let name: String

    /// What follows the name of a copy on trial.
    private static let onTrial = ".trial"
    /// The most bytes of a program.
    private static let limit = 64 << 20

    package init(directory: String, name: String) {
        self.directory = directory
        self.name = name
    }

    /// Copies `source` unless an accepted copy of it exists; a new copy is on trial. Waits for the
    /// disk of `source`.
    package func add(_ source: ProgramFile) throws(SystemCallFailure) -> (path: String, isNew: Bool)
    {
        let program = try Files.readRegular(source.path, limit: ProgramCopies.limit)
        let accepted = path(ProgramCopies.contentName(program))
        if try Files.exists(accepted) { return (accepted, false) }
        let path = accepted + ProgramCopies.onTrial
        if let parent = Files.parent(of: path) { try Files.makeDirectories(parent) }
        try Files.replace(path, program, mode: 0o700)
        return (path, true)
    }

    /// Ends the trial of a copy, and returns its path from then on.
    package func accept(_ path: String) throws(SystemCallFailure) -> String {
        guard let accepted = path.before(ProgramCopies.onTrial) else { return path }
        try Files.rename(path, to: accepted)
        return accepted
    }

    /// The accepted copies.
    package func all() throws(SystemCallFailure) -> [String] {
        var copies: [String] = []
        for version in try Files.names(in: directory).sorted() {
            let copy = path(version)
            if try Files.exists(copy) { copies.append(copy) }
        }
        return copies
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
