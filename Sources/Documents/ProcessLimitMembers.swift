//  The limits of a task's processes (getrlimit(2)), with the names of the runtime-spec.

import Bytes
import JSON
import Model

extension ProcessLimit {
    static let members = SpecTable<ProcessLimit>([
        .required("type", \.type, { $0.type = $1 }, .text { $0.limitType() }),
        .required("soft", \.soft, { $0.soft = $1 }, .limitValue),
        .required("hard", \.hard, { $0.hard = $1 }, .limitValue),
    ])
}

extension ProcessLimit {
    fileprivate static let blank = ProcessLimit(type: "", soft: 0, hard: 0)
}

extension Codec<[ProcessLimit]> {
    static var processLimits: Codec {
        .objects(ProcessLimit.members, .blank) { $0.processLimits() }
    }
}

extension Codec<UInt64> {
    /// -1 is no limit, as in Docker: the kernel's number for it does not fit into JSON's integers.
    fileprivate static var limitValue: Codec {
        Codec(
            read: { field in field.integer(in: -1...(.max)).map { UInt64(bitPattern: $0) } },
            write: { value, writer in writer.value(Int64(bitPattern: value)) },
            restore: { record throws(RecordFault) in UInt64(bitPattern: try record.integer()) })
    }
}

extension Field {
    fileprivate func processLimits() -> [ProcessLimit]? {
        guard let elements = elements(limit: ProcessLimit.types.count) else { return nil }
        var types: Set<String> = []
        return elements.compactMap { element in
            var limit = ProcessLimit.blank
            guard element.readObject(ProcessLimit.members, into: &limit) else { return nil }
            if !types.insert(limit.type).inserted {
                element.refuse("'\(limit.type)' is limited twice")
            }
            if limit.soft > limit.hard { element.refuse("'soft' must not be above 'hard'") }
            return limit
        }
    }

    fileprivate func limitType() -> String? {
        parsed("one of \(ProcessLimit.types.joined(separator: ", "))") { text in
            ProcessLimit.types.first { $0.isSame(as: text) }
        }
    }
}
