// The table of a row: no two tables have columns of the same types, so the row alone shows it.

import Bytes

package enum StoreTable: String, CaseIterable, Sendable {
    case pods, operations, aliases, events
}

enum SalvagedRow {
    case pod(PodRecord)
    case operation(isRunning: Bool, revision: UInt64, [Value])
    case alias(AliasRecord)
    case event(EventRecord)

    /// More columns than any row of ours has.
    static let width: Int32 = 15

    var table: StoreTable {
        switch self {
        case .pod: .pods
        case .operation: .operations
        case .alias: .aliases
        case .event: .events
        }
    }

    var revision: UInt64 {
        switch self {
        case .operation(_, let revision, _): revision
        case .event(let event): event.revision
        case .pod, .alias: 0
        }
    }

    /// Parses a row of any table: its number, then `width` columns, NULL if it has fewer.
    init?(_ row: borrowing Row) {
        var values: [Value] = []
        for column in 1...SalvagedRow.width {
            guard let value = row.value(column) else { return nil }
            values.append(value)
        }
        guard let last = values.lastIndex(where: { !$0.isNull }) else { return nil }
        switch last {
        case 1:
            guard case .null = values[0], case .blob(let document) = values[1],
                let revision = Value.integer(row.integer(0)).asRevision
            else { return nil }
            self = .event(EventRecord(revision: revision, document: document))
        case 2:
            guard let id = values[0].asID, case .text(let name) = values[1],
                case .blob(let document) = values[2]
            else { return nil }
            self = .pod(PodRecord(uid: id, name: name, document: document))
        case 3:
            guard let id = values[0].asID, let operation = values[1].asID,
                case .integer(let fingerprint) = values[2], case .integer(let time) = values[3]
            else { return nil }
            self = .alias(
                AliasRecord(
                    id: id, operation: operation, fingerprint: UInt64(bitPattern: fingerprint),
                    createdAt: time))
        // A row that was last written by version 1 has no column for its creation.
        case 10...12: self.init(operation: Array(values[...12]))
        default: return nil
        }
    }

    /// In the order of the table's columns.
    private init?(operation values: [Value]) {
        guard values[0].asID != nil, values[3].asID != nil, values[5].asID != nil,
            case .text(let kind) = values[1], TargetKind(ofOperation: kind)?.fits(values) == true,
            case .integer(0...1) = values[2], case .text = values[4],
            case .integer(let stage) = values[7], 0...2 ~= stage,
            let revision = values[8].asRevision, case .blob = values[10]
        else { return nil }
        // The last column may be on a missing page, which reads as zeros: then the row is refused.
        guard values[12].isNull || values[12].asRevision ?? 0 > 0 else { return nil }
        switch (values[6], values[9], values[11]) {
        case (.text, .integer, .blob), (.null, .integer, .blob), (.text, .integer, .null),
            (.null, .integer, .null), (.text, .null, .null), (.null, .null, .null):
            self = .operation(isRunning: stage == 0, revision: revision, values)
        default: return nil
        }
    }
}

/// The kind of an operation's target, as far as a row shows it. A row of another kind is damaged,
/// and so is a row without the columns of its kind.
private enum TargetKind: String {
    case pod, task, network, orphan

    /// Parses the kind of an operation. Version 0.1 had another word for orphans.
    init?(ofOperation kind: String) {
        let present = kind == "stray.remove" ? "orphan.remove" : kind
        self.init(rawValue: present.upTo("."))
    }

    private var isPart: Bool {
        switch self {
        case .pod, .network, .orphan: false
        case .task: true
        }
    }

    /// Whether a target of this kind has such a row, in the order of the table's columns.
    func fits(_ values: [Value]) -> Bool {
        values[6].isNull != isPart && (values[3].asID == values[5].asID) != isPart
    }
}

extension Value {
    fileprivate var isNull: Bool { if case .null = self { true } else { false } }

    var asID: RecordID? {
        guard case .blob(let bytes) = self else { return nil }
        return RecordID(bytes)
    }

    /// A number beyond JSON's 53 bits was never reached: it is damage that looks like a row.
    var asRevision: UInt64? {
        guard case .integer(let number) = self, 0..<1 << 53 ~= number else { return nil }
        return UInt64(number)
    }
}
