// Reads the directories of network plugins for the daemon, because their disk may not answer
// (law 4). The daemon parses what it is given.

import Bytes
import Kernel
import Linux
import ShimProtocol

/// - `configurations read DIR [PLUGIN_DIR …]`: writes what is in the directories
///   (`WireConfigurations`).
/// - `configurations watch DIR [PLUGIN_DIR …]`: the same. The descriptor 0 is of inotify(7), and
///   first the directories are added to it, so that each later change is reported.
enum ConfigurationHelper {
    static func run(_ verb: String, _ words: [String]) throws(SystemCallFailure) -> CInt {
        switch verb {
        case "read": break
        case "watch": watch(words)
        default: throw SystemCallFailure(call: "configurations", subject: verb, errno: 22)
        }
        let seen = seen(in: words[0], plugins: Array(words.dropFirst()))
        try OwnedDescriptor(adopting: 1).writeAll(seen.document())
        return 0
    }

    private static func watch(_ directories: [String]) {
        let watch = DirectoryWatch(adopting: OwnedDescriptor(adopting: 0))
        for directory in directories {
            ignoring("the daemon looks periodically, too") { () throws(SystemCallFailure) in
                try watch.add(directory)
            }
        }
        let folders = folders(of: directories[0])
        for folder in folders {
            ignoring("the daemon looks periodically, too") { () throws(SystemCallFailure) in
                try watch.add("\(directories[0])/\(folder)")
            }
        }
    }

    private static let mostFolders = 64
    private static let mostPrograms = 4096

    private static func seen(in directory: String, plugins: [String]) -> WireConfigurations {
        var reader = ConfigurationReader()
        let files = reader.files(of: directory)
        let failure = reader.failure
        let folders = folders(of: directory).map {
            WireConfigurations.Folder(name: $0, files: reader.files(of: "\(directory)/\($0)"))
        }
        return WireConfigurations(
            failure: failure, files: files, folders: folders, programs: plugins.map(programs))
    }

    /// The folders in a directory: each may add plugins to the network of its name. A folder that
    /// cannot be listed counts as missing.
    private static func folders(of directory: String) -> [String] {
        var names: [String] = []
        ignoring("the look at the files tells it") { () throws(SystemCallFailure) in
            names = try Files.names(in: directory)
        }
        let folders = names.filter { !$0.begins(with: ".") }.sorted().filter { name in
            do throws(SystemCallFailure) {
                return try Files.isDirectory("\(directory)/\(name)")
            } catch { return false }
        }
        return Array(folders.prefix(mostFolders))
    }

    private static func programs(of directory: String) -> WireConfigurations.Programs {
        var found: [WireConfigurations.Program] = []
        ignoring("a directory that cannot be read has no plugin") {
            () throws(SystemCallFailure) in
            for name in try Files.names(in: directory).sorted().prefix(mostPrograms) {
                do throws(SystemCallFailure) {
                    let program = try Files.program("\(directory)/\(name)", in: [])
                    found.append(WireConfigurations.Program(name: name, marks: program.marks))
                } catch {}  // a directory, or a file that cannot be executed, is no plugin
            }
        }
        return WireConfigurations.Programs(directory: directory, programs: found)
    }
}

/// Reads files up to a limit of bytes for all of them, because the daemon keeps their content.
private struct ConfigurationReader {
    /// Why the last directory could not be read, or not as a whole; empty if it was.
    private(set) var failure = ""
    private var room = 12 << 20

    private static let fileLimit = 1 << 20
    private static let mostFiles = 256

    /// The files that may be configurations. A directory that does not exist has none.
    mutating func files(of directory: String) -> [WireConfigurations.File] {
        var names: [String] = []
        do throws(SystemCallFailure) {
            names = try Files.names(in: directory)
            failure = ""
        } catch { failure = error.description }
        names = names.filter(isCandidate).sorted()
        if names.count > ConfigurationReader.mostFiles {
            failure =
                "\(directory) has \(names.count) files, and only the first "
                + "\(ConfigurationReader.mostFiles) are read"
        }
        return names.prefix(ConfigurationReader.mostFiles).map { file($0, of: directory) }
    }

    private func isCandidate(_ name: String) -> Bool {
        !name.begins(with: ".")
            && [".conf", ".conflist", ".json"].contains { name.ends(with: $0) }
    }

    private mutating func file(
        _ name: String, of directory: String
    ) -> WireConfigurations.File {
        do throws(SystemCallFailure) {
            let content = try Files.readRegular(
                "\(directory)/\(name)", limit: min(room, ConfigurationReader.fileLimit))
            room -= content.count
            return WireConfigurations.File(name: name, content: content)
        } catch { return WireConfigurations.File(name: name, failure: error.description) }
    }
}
