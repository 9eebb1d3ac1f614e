// What the directories of configurations and plugins contain, as it was read at one moment.

/// The content of a configuration directory and of the plugin directories.
package struct ConfigurationFiles: Equatable, Sendable {
    package struct File: Equatable, Sendable {
        package let name: String
        package let content: Content

        package init(name: String, content: Content) {
            self.name = name
            self.content = content
        }
    }

    package enum Content: Equatable, Sendable {
        case bytes([UInt8])
        /// Why the file could not be read.
        case unreadable(String)
    }

    /// The plugins in one directory.
    package struct PluginDirectory: Equatable, Sendable {
        package let path: String
        /// The marks of each plugin's file, by the plugin's type. Equal marks mean the same file
        /// with the same content.
        package let marks: [String: String]

        package init(path: String, marks: [String: String]) {
            self.path = path
            self.marks = marks
        }
    }

    /// The configuration directory.
    package let directory: String
    /// Why it could not be read, or not as a whole; `nil` if it was. A directory that does not
    /// exist has no file.
    package let failure: String?
    package let files: [File]
    /// The files of each folder in the directory, by the folder's name.
    package let folders: [String: [File]]
    /// In the order of the search.
    package let plugins: [PluginDirectory]

    package init(
        directory: String, failure: String? = nil, files: [File] = [],
        folders: [String: [File]] = [:], plugins: [PluginDirectory] = []
    ) {
        self.directory = directory
        self.failure = failure
        self.files = files
        self.folders = folders
        self.plugins = plugins
    }

    /// The first of the directories that has the plugin.
    package func plugin(_ type: String) -> FoundPlugin {
        let found = plugins.first { $0.marks[type] != nil }
        return FoundPlugin(
            type: type, path: found.map { "\($0.path)/\(type)" }, marks: found?.marks[type])
    }
}

/// A plugin that a configuration needs.
package struct FoundPlugin: Equatable, Sendable {
    package let type: String
    /// `nil` if none of the plugin directories has it.
    package let path: String?
    /// The marks of its file.
    package let marks: String?
}
