// The numbers of nfnetlink and nftables (linux/netfilter/nfnetlink.h, nf_tables.h). The attributes
// of expressions are beside their functions in Expression.swift.

enum Netfilter {
    static let batchBegin: UInt16 = 16
    static let batchEnd: UInt16 = 17
    static let conntrack: UInt16 = 1
    static let tables: UInt16 = 10
    /// NFPROTO_INET: IPv4 and IPv6.
    static let inet: UInt8 = 1

    /// nfgenmsg: family, version, resource in network order.
    static func head(_ family: UInt8, resource: UInt16 = 0) -> [UInt8] {
        [family, 0] + [UInt8](network: resource)
    }
}

/// NFT_MSG_….
enum FirewallRequest: UInt16 {
    case newTable = 0
    case getTable = 1
    case deleteTable = 2
    case newChain = 3
    case getChain = 4
    case newRule = 6
    case getRule = 7
    case deleteRule = 8
    case newSet = 9
    case newElement = 12
    case getElement = 13
    case deleteElement = 14
    case getGeneration = 16

    var name: String {
        switch self {
        case .newTable: "NFT_MSG_NEWTABLE"
        case .getTable: "NFT_MSG_GETTABLE"
        case .deleteTable: "NFT_MSG_DELTABLE"
        case .newChain: "NFT_MSG_NEWCHAIN"
        case .getChain: "NFT_MSG_GETCHAIN"
        case .newRule: "NFT_MSG_NEWRULE"
        case .getRule: "NFT_MSG_GETRULE"
        case .deleteRule: "NFT_MSG_DELRULE"
        case .newSet: "NFT_MSG_NEWSET"
        case .newElement: "NFT_MSG_NEWSETELEM"
        case .getElement: "NFT_MSG_GETSETELEM"
        case .deleteElement: "NFT_MSG_DELSETELEM"
        case .getGeneration: "NFT_MSG_GETGEN"
        }
    }

    var type: UInt16 { Netfilter.tables << 8 | rawValue }
}

/// NFTA_SET_….
enum SetAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 2
    static let flags: UInt16 = 3
    static let keyType: UInt16 = 4
    static let keyLength: UInt16 = 5
    static let dataType: UInt16 = 6
    static let dataLength: UInt16 = 7
    static let description: UInt16 = 9
    static let id: UInt16 = 10
    static let userData: UInt16 = 13
    /// Inside of `description`, and inside of its fields.
    static let concatenation: UInt16 = 2
    static let fieldLength: UInt16 = 1
    /// NFT_SET_….
    static let hasIntervals: UInt32 = 0x04
    static let isMap: UInt32 = 0x08
    static let isConcatenated: UInt32 = 0x80
}

/// NFTA_SET_ELEM_… and NFTA_SET_ELEM_LIST_….
enum ElementAttribute {
    static let table: UInt16 = 1
    static let set: UInt16 = 2
    static let elements: UInt16 = 3
    /// NFTA_LIST_ELEM.
    static let listed: UInt16 = 1
    static let key: UInt16 = 1
    static let data: UInt16 = 2
    static let flags: UInt16 = 3
    static let userData: UInt16 = 6
    static let keyEnd: UInt16 = 10
    /// NFT_SET_ELEM_INTERVAL_END.
    static let isEnd: UInt32 = 1
    /// NFTA_DATA_VALUE.
    static let value: UInt16 = 1
}

/// NFTA_CHAIN_… and NFTA_RULE_….
enum ChainAttribute {
    static let table: UInt16 = 1
    static let name: UInt16 = 3
    static let hook: UInt16 = 4
    static let policy: UInt16 = 5
    static let uses: UInt16 = 6
    static let type: UInt16 = 7
    static let hookNumber: UInt16 = 1
    static let hookPriority: UInt16 = 2
    static let ruleChain: UInt16 = 2
    static let expressions: UInt16 = 4
    static let expressionName: UInt16 = 1
    static let expressionData: UInt16 = 2
}
