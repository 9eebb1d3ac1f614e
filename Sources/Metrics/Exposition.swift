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
        if !labels.isEmpty {
            write("{")
            bytes += Exposition.labels(Array(zip(labels, values)))
            write("}")
        }
        write(" \(Exposition.number(value))\n")
    }

    /// Labels without the braces around them.
    package static func labels(_ pairs: [(name: String, value: String)]) -> [UInt8] {
        var text = Exposition()
        for (index, (name, value)) in pairs.enumerated() {
            text.write(index == 0 ? "\(name)=\"" : ",\(name)=\"")
            text.write(escaping: value, quotes: true)
            text.write("\"")
        }
        return text.bytes
    }

    /// Whole numbers without a fraction; infinity as the format requires.
    package static func number(_ value: Double) -> String {
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
