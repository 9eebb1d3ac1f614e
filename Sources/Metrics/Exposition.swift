// Prometheus's text format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).

package struct Exposition: Sendable {
    package private(set) var bytes: [UInt8] = []

    mutating func head(_ name: String, _ help: String, _ type: String) {
        write("# HELP \(name) ")
        write(escaping: help, quotes: false)
        write("\n# TYPE \(name) \(type)\n")
    }

    mutating func sample(
        _ name: String, _ labels: [String], _ values: [String], _ value: Double
    ) {
        write(name)
        for (index, (label, text)) in zip(labels, values).enumerated() {
            write(index == 0 ? "{" : ",")
            write("\(label)=\"")
            write(escaping: text, quotes: true)
            write("\"")
        }
        if !labels.isEmpty { write("}") }
        write(" \(Exposition.number(value))\n")
    }

    /// Whole numbers without a fraction; infinity as the format requires.
    static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        return value == .infinity ? "+Inf" : value == -.infinity ? "-Inf" : "\(value)"
    }

    private mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func write(escaping text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): write("\\\\")
            case UInt8(ascii: "\n"): write("\\n")
            case UInt8(ascii: "\"") where quotes: write("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}
