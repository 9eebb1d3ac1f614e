// The bytes of the plugin helper's documents.

/// The version of the documents' form. Daemon and helper are of one build, or else one apart.
private let formVersion: UInt16 = 1

extension WirePluginWork {
    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(formVersion)
        writer.put(optional: shim) { writer, shim in
            writer.put(shim.pid)
            writer.put(shim.startTicks)
        }
        writer.put(optional: note) { $0.put($1) }
        writer.put(list: chains) { writer, chain in
            writer.put(list: chain.programs) { $0.put($1) }
        }
        writer.put(optional: remains) { $0.put($1) }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WirePluginWork {
        var reader = try WireReader(document, version: formVersion)
        let work = WirePluginWork(
            shim: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                WireProcess(pid: try reader.number(), startTicks: try reader.number())
            },
            note: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.note()
            },
            chains: try reader.list { (reader: inout WireReader) throws(WireFault) in
                WireChain(
                    try reader.list { (reader: inout WireReader) throws(WireFault) in
                        try reader.program()
                    })
            },
            remains: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                try reader.remains()
            })
        try reader.end()
        return work
    }
}

extension WirePluginReport {
    package func document() -> [UInt8] {
        var writer = WireWriter()
        writer.put(formVersion)
        writer.put(list: chains) { writer, ends in
            writer.put(list: ends) { $0.put($1) }
        }
        writer.put(optional: remains) { writer, seen in
            writer.put(list: seen.tables) { $0.put($1) }
            writer.put(flag: seen.hasOlderTables)
        }
        return writer.bytes
    }

    package static func parse(document: [UInt8]) throws(WireFault) -> WirePluginReport {
        var reader = try WireReader(document, version: formVersion)
        let report = WirePluginReport(
            chains: try reader.list { (reader: inout WireReader) throws(WireFault) in
                try reader.list { (reader: inout WireReader) throws(WireFault) in
                    try reader.programEnd()
                }
            },
            remains: try reader.optional { (reader: inout WireReader) throws(WireFault) in
                WireRemainsSeen(
                    tables: try reader.texts(), hasOlderTables: try reader.flag())
            })
        try reader.end()
        return report
    }
}

extension WireWriter {
    fileprivate mutating func put(_ note: WireNote) {
        put(note.directory)
        put(note.name)
        put(bytes: note.content)
    }

    fileprivate mutating func put(_ program: WireProgram) {
        put(program.name)
        put(list: program.directories) { $0.put($1) }
        put(list: program.arguments) { $0.put($1) }
        put(list: program.environment) { $0.put($1) }
        put(bytes: program.input)
        put(program.limit)
    }

    fileprivate mutating func put(_ remains: WireRemains) {
        put(remains.uid)
        put(list: remains.marks) { $0.put($1) }
        put(list: remains.links) { writer, link in
            writer.put(link.name)
            writer.put(bytes: link.mac)
        }
        put(list: remains.folders) { $0.put($1) }
        put(optional: remains.note) { $0.put($1) }
    }

    fileprivate mutating func put(_ end: WireProgramEnd) {
        switch end.end {
        case .exited(let code):
            put(0 as UInt8)
            put(code)
        case .killed(let signal):
            put(1 as UInt8)
            put(signal)
        case .notStarted(let why, let errno):
            put(2 as UInt8)
            put(errno)
            put(why)
        }
        put(bytes: end.output)
        put(bytes: end.errors)
        put(flag: end.isCut)
    }
}

extension WireReader {
    fileprivate mutating func texts() throws(WireFault) -> [String] {
        try list { (reader: inout WireReader) throws(WireFault) in try reader.text() }
    }

    fileprivate mutating func note() throws(WireFault) -> WireNote {
        WireNote(directory: try text(), name: try text(), content: try bytes())
    }

    fileprivate mutating func program() throws(WireFault) -> WireProgram {
        WireProgram(
            name: try text(), directories: try texts(), arguments: try texts(),
            environment: try texts(), input: try bytes(), limit: try number())
    }

    fileprivate mutating func remains() throws(WireFault) -> WireRemains {
        WireRemains(
            uid: try text(), marks: try texts(),
            links: try list { (reader: inout WireReader) throws(WireFault) in
                WireLink(name: try reader.text(), mac: try reader.bytes())
            }, folders: try texts(),
            note: try optional { (reader: inout WireReader) throws(WireFault) in try reader.note() }
        )
    }

    fileprivate mutating func programEnd() throws(WireFault) -> WireProgramEnd {
        let kind = try byte()
        let number: Int32 = try self.number()
        let end: WireProgramEnd.End
        switch kind {
        case 0: end = .exited(number)
        case 1: end = .killed(signal: number)
        case 2: end = .notStarted(try text(), errno: number)
        case let other: throw WireFault("the end \(other)")
        }
        return WireProgramEnd(
            end: end, output: try bytes(), errors: try bytes(), isCut: try flag())
    }
}
