// The document of the configuration helper: what is in the directories of network plugins.

package struct WireConfigurations: Equatable, Sendable {
    /// A file, in the order of the directory.
    package struct File: Equatable, Sendable {
        package var name: String
        package var content: [UInt8]
        /// Why the content could not be read; empty if it was.
        package var failure: String

        package init(name: String, content: [UInt8] = [], failure: String = "") {
            self.name = name
            self.content = content
            self.failure = failure
        }
    }

    /// A folder of the directory, and its files.
    package struct Folder: Equatable, Sendable {
        package var name: String
        package var files: [File]

        package init(name: String, files: [File]) {
            self.name = name
            self.files = files
        }
    }

    /// A program, with its marks (`ProgramFile`).
    package struct Program: Equatable, Sendable {
        package var name: String
        package var marks: String

        package init(name: String, marks: String) {
            self.name = name
            self.marks = marks
        }
    }

    /// A directory of plugins.
    package struct Programs: Equatable, Sendable {
        package var directory: String
        package var programs: [Program]

        package init(directory: String, programs: [Program]) {
            self.directory = directory
            self.programs = programs
        }
    }

    /// Why the directory could not be read, or not as a whole; empty if it was.
    package var failure: String
    package var files: [File]
    package var folders: [Folder]
    package var programs: [Programs]

    package init(failure: String, files: [File], folders: [Folder], programs: [Programs]) {
        self.failure = failure
        self.files = files
        self.folders = folders
        self.programs = programs
    }

    /// The version of the document's form.
    private static let version: UInt16 = 1

    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(WireConfigurations.version)
        writer.put(failure)
        writer.put(list: files) { writer, file in writer.put(file) }
        writer.put(list: folders) { writer, folder in
            writer.put(folder.name)
            writer.put(list: folder.files) { writer, file in writer.put(file) }
        }
        writer.put(list: programs) { writer, directory in
            writer.put(directory.directory)
            writer.put(list: directory.programs) { writer, program in
                writer.put(program.name)
                writer.put(program.marks)
            }
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WireConfigurations {
        var reader = try WireReader(document, version: version)
        let seen = WireConfigurations(
            failure: try reader.text(), files: try reader.files(),
            folders: try reader.list { (reader: inout WireReader) throws(WireFault) in
                Folder(name: try reader.text(), files: try reader.files())
            },
            programs: try reader.list { (reader: inout WireReader) throws(WireFault) in
                Programs(directory: try reader.text(), programs: try reader.programs())
            })
        try reader.end()
        return seen
    }
}

extension WireWriter {
    fileprivate mutating func put(_ file: WireConfigurations.File) {
        put(file.name)
        put(bytes: file.content)
        put(file.failure)
    }
}

extension WireReader {
    fileprivate mutating func files() throws(WireFault) -> [WireConfigurations.File] {
        try list { (reader: inout WireReader) throws(WireFault) in
            WireConfigurations.File(
                name: try reader.text(), content: try reader.bytes(), failure: try reader.text())
        }
    }

    fileprivate mutating func programs() throws(WireFault) -> [WireConfigurations.Program] {
        try list { (reader: inout WireReader) throws(WireFault) in
            WireConfigurations.Program(name: try reader.text(), marks: try reader.text())
        }
    }
}
