// The expressions of nftables' rules: small steps over 16 registers of 4 bytes. The numbers are
// those of linux/netfilter/nf_tables.h.

/// One expression.
struct Expression {
    let name: String
    let write: (inout AttributeWriter) -> Void

    init(_ name: String, _ write: @escaping (inout AttributeWriter) -> Void) {
        self.name = name
        self.write = write
    }

    /// A field of meta information.
    enum Meta: UInt32 {
        case inputName = 6
        case outputName = 7
        case networkProtocol = 15
        case transportProtocol = 16
    }

    static func meta(_ field: Meta, to register: Register) -> Expression {
        Expression("meta") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: field.rawValue)
        }
    }

    /// Bytes of the packet.
    static func payload(
        _ base: Base, _ offset: UInt32, _ length: UInt32, to register: Register
    ) -> Expression {
        Expression("payload") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: base.rawValue)
            $0.put(3, network: offset)
            $0.put(4, network: length)
        }
    }

    enum Base: UInt32 {
        case network = 1
        case transport = 2
    }

    /// The rule goes on if the register has these bytes, or has not.
    static func compare(
        _ register: Register, isNot: Bool = false, _ bytes: [UInt8]
    ) -> Expression {
        Expression("cmp") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: isNot ? 1 : 0)
            $0.nest(3) { $0.put(1, bytes) }
        }
    }

    /// The rule goes on if the set contains the key, or does not. A map's value goes to a register.
    static func lookup(
        _ set: FirewallSet, _ register: Register, to value: Register? = nil, isNot: Bool = false
    ) -> Expression {
        Expression("lookup") {
            $0.put(1, text: set.rawValue)
            $0.put(2, network: register.rawValue)
            if let value { $0.put(3, network: value.rawValue) }
            if isNot { $0.put(5, network: 1) }
        }
    }

    /// The type of the destination's route (RTN_…), in host order.
    static func destinationType(to register: Register) -> Expression {
        Expression("fib") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: 3)
            $0.put(3, network: 2)
        }
    }

    /// The status bits of the connection (IPS_…), in host order.
    static func connectionStatus(to register: Register) -> Expression {
        Expression("ct") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: 2)
        }
    }

    /// Keeps these bits of a register.
    static func mask(_ register: Register, _ mask: UInt32) -> Expression {
        Expression("bitwise") {
            $0.put(1, network: register.rawValue)
            $0.put(2, network: register.rawValue)
            $0.put(3, network: 4)
            $0.nest(4) { $0.put(1, [UInt8](host: mask)) }
            $0.nest(5) { $0.put(1, [UInt8](host: 0 as UInt32)) }
        }
    }

    /// NF_DROP and NF_ACCEPT.
    enum Verdict: UInt32 {
        case drop = 0
        case accept = 1
    }

    static func verdict(_ verdict: Verdict) -> Expression {
        Expression("immediate") {
            $0.put(1, network: 0)
            $0.nest(2) { $0.nest(2) { $0.put(1, network: verdict.rawValue) } }
        }
    }

    /// Changes the destination to the address and the port in two registers.
    static func dnat(_ family: UInt8, _ address: Register, _ port: Register) -> Expression {
        Expression("nat") {
            $0.put(1, network: 1)
            $0.put(2, network: UInt32(family))
            $0.put(3, network: address.rawValue)
            $0.put(5, network: port.rawValue)
        }
    }

    static var masquerade: Expression { Expression("masq") { _ in } }

    /// Registers of 16 bytes, and one's second and third word.
    enum Register: UInt32 {
        case first = 1
        case second = 2
        case firstWord1 = 9
        case firstWord2 = 10
        case secondWord1 = 13
    }
}
