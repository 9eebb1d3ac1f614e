// A census as a file with its places, because censuses of different places cannot be compared.

import Bytes
import Census
import JSON
import Linux

struct CensusFile {
    let census: Census
    private let places: [String]

    init(_ census: Census, _ marks: Census.Marks) {
        self.census = census
        places = CensusFile.places(marks)
    }

    /// The settings on which a census depends, besides the machine.
    private static func places(_ marks: Census.Marks) -> [String] {
        [marks.runDirectory, marks.dataDirectory, marks.logDirectory, marks.cgroupParent]
            + [marks.hostNetwork ? "host network" : "no host network"] + marks.bindSources.sorted()
    }

    init(reading path: String, _ marks: Census.Marks) throws(CensusFailure) {
        let value = try parsed(path)
        guard let names = value["names"]?.strings, let places = value["places"]?.strings else {
            throw CensusFailure("\(path) is no census; write a census with --json")
        }
        let wanted = CensusFile.places(marks)
        guard places == wanted else {
            throw CensusFailure(
                """
                \(path) is a census of other places: \(places.joined(separator: " ")), not \
                \(wanted.joined(separator: " ")); give the same options
                """)
        }
        census = Census(names: names)
        self.places = places
    }

    func write(to path: String) throws(CensusFailure) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("places")
        writer.beginArray()
        for place in places { writer.value(place) }
        writer.endArray()
        writer.key("names")
        writer.beginArray()
        for name in census.names.sorted() { writer.value(name) }
        writer.endArray()
        writer.endObject()
        let bytes = writer.finish().bytes + [UInt8(ascii: "\n")]
        do { try Files.deliver(bytes, to: path, mode: 0o644) } catch {
            throw CensusFailure("\(error)")
        }
    }
}

private func parsed(_ path: String) throws(CensusFailure) -> JSONValue {
    let bytes: [UInt8]
    do { bytes = try Files.read(path, limit: 1 << 30) } catch { throw CensusFailure("\(error)") }
    do { return try JSONValue.parse(bytes) } catch {
        throw CensusFailure("\(path): \(error.detail)")
    }
}
