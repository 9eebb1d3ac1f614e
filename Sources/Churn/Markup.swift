// Escaped text for HTML and SVG, and the elements of which plots consist.

enum Markup {
    static func escaped(_ text: String) -> String {
        var safe = ""
        for character in text {
            switch character {
            case "<": safe += "&lt;"
            case ">": safe += "&gt;"
            case "&": safe += "&amp;"
            case "\"": safe += "&quot;"
            default: safe.append(character)
            }
        }
        return safe
    }

    static func line(
        _ name: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double
    ) -> String {
        """
        <line class="\(name)" x1="\(pixel(x1))" y1="\(pixel(y1))" x2="\(pixel(x2))" \
        y2="\(pixel(y2))"/>
        """
    }

    static func text(
        _ name: String, _ x: Double, _ y: Double, anchor: String = "middle", _ content: String
    ) -> String {
        """
        <text class="\(name)" x="\(pixel(x))" y="\(pixel(y))" text-anchor="\(anchor)">\
        \(escaped(content))</text>
        """
    }

    static func path(_ name: String, _ points: [(x: Double, y: Double)]) -> String {
        let steps = points.enumerated().map { index, point in
            "\(index == 0 ? "M" : "L")\(pixel(point.x)) \(pixel(point.y))"
        }
        return "<path class=\"\(name)\" d=\"\(steps.joined())\"/>"
    }

    /// A tenth of a pixel is fine enough.
    static func pixel(_ number: Double) -> String {
        let text = Figure.fixed(number, 1)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
