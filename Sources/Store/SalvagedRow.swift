// Whose a row is: no two tables have columns of the same types, so a row says it by itself.

package enum StoreTable: String, CaseIterable, Sendable {
    case pods, operations, aliases, events, exits
}

enum SalvagedRow {
    case pod(PodRecord)
    case operation(id: RecordID, isRunning: Bool, revision: UInt64, [Value])
    case alias(AliasRecord)
    case event(EventRecord)
    case exit(ExitRecord)

    var table: StoreTable {
        switch self {
        case .pod: .pods
        case .operation: .operations
        case .alias: .aliases
        case .event: .events
        case .exit: .exits
        }
    }

    /// What its table's own index finds it by; an event has its revision.
    var key: RecordID? {
        switch self {
        case .pod(let pod): pod.uid
        case .operation(let id, _, _, _): id
        case .alias(let alias): alias.id
        case .exit(let exit): exit.taskUID
        case .event: nil
        }
    }

    var revision: UInt64 {
        switch self {
        case .operation(_, _, let revision, _): revision
        case .event(let event): event.revision
        case .pod, .alias, .exit: 0
        }
    }

    init?(_ cell: Cell) {
        let values = cell.values
        switch values.count {
        case 2:
            guard case .null = values[0], case .blob(let document) = values[1],
                let revision = Value.integer(cell.rowid).asRevision
            else { return nil }
            self = .event(EventRecord(revision: revision, document: document))
        case 3:
            guard let id = values[0].asID, case .blob(let document) = values[2] else { return nil }
            if case .text(let name) = values[1] {
                self = .pod(PodRecord(uid: id, name: name, document: document))
            } else if let pod = values[1].asID {
                self = .exit(ExitRecord(taskUID: id, podUID: pod, document: document))
            } else {
                return nil
            }
        case 4:
            guard let id = values[0].asID, let operation = values[1].asID,
                case .integer(let fingerprint) = values[2], case .integer(let time) = values[3]
            else { return nil }
            self = .alias(
                AliasRecord(
                    id: id, operation: operation, fingerprint: UInt64(bitPattern: fingerprint),
                    createdAt: time))
        // A row that was not written since version 1 has no place for its creation.
        case 12: self.init(operation: values + [.null])
        case 13: self.init(operation: values)
        default: return nil
        }
    }

    /// In the order of the table's columns.
    private init?(operation values: [Value]) {
        guard let id = values[0].asID, values[3].asID != nil, values[5].asID != nil,
            case .text = values[1], case .integer(0...1) = values[2], case .text = values[4],
            case .integer(let stage) = values[7], 0...2 ~= stage,
            let revision = values[8].asRevision, case .blob = values[10]
        else { return nil }
        guard values[12].asRevision != nil || values[12].isNull else { return nil }
        switch (values[6], values[9], values[11]) {
        case (.text, .integer, .blob), (.null, .integer, .blob), (.text, .integer, .null),
            (.null, .integer, .null), (.text, .null, .null), (.null, .null, .null):
            self = .operation(id: id, isRunning: stage == 0, revision: revision, values)
        default: return nil
        }
    }
}

extension Value {
    fileprivate var isNull: Bool { if case .null = self { true } else { false } }

    var asID: RecordID? {
        guard case .blob(let bytes) = self else { return nil }
        return RecordID(bytes)
    }

    /// A number beyond JSON's 53 bits was never counted up to: it is damage that looks like a row.
    var asRevision: UInt64? {
        guard case .integer(let number) = self, 0..<1 << 53 ~= number else { return nil }
        return UInt64(number)
    }
}
