// The platform of an image (OCI image-spec, image-index.md, "platform"), and whether an image runs
// there.

import Bytes

/// An operating system, a processor and its variant in normal form: `linux/arm64/v8` is
/// `linux/arm64`.
package struct Platform: Hashable, Sendable, CustomStringConvertible {
    package let os: String
    package let architecture: String
    /// Empty if the architecture has none, or if it is the basic one.
    package let variant: String

    package init(os: String, architecture: String, variant: String = "") {
        let names = Platform.normal(architecture.lowered, variant.lowered)
        self.os = os.lowered
        self.architecture = names.architecture
        self.variant = names.variant
    }

    /// Reads `os/architecture` or `os/architecture/variant`; `nil` for any other text.
    package init?(_ text: String) {
        let parts = text.fields("/", keepingEmpty: true)
        let isName = { (part: String) in
            !part.isEmpty && part.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }
        }
        guard parts.count == 2 || parts.count == 3, parts.allSatisfy(isName) else { return nil }
        self.init(os: parts[0], architecture: parts[1], variant: parts.count > 2 ? parts[2] : "")
    }

    package var description: String {
        "\(os)/\(architecture)" + (variant.isEmpty ? "" : "/\(variant)")
    }

    /// The platform of this program.
    package static var own: Platform {
        #if arch(arm64)
            Platform(os: "linux", architecture: "arm64")
        #else
            Platform(os: "linux", architecture: "amd64")
        #endif
    }

    /// How well an image of the platform `image` runs here: the higher the better, and `nil` if it
    /// does not. A processor runs the images of the earlier versions of its architecture.
    package func rank(of image: Platform) -> Int? {
        guard os.isSame(as: image.os), architecture.isSame(as: image.architecture) else {
            return nil
        }
        if variant.isSame(as: image.variant) { return .max }
        guard let own = version, let other = image.version, other <= own else { return nil }
        return other
    }

    /// The number of the variant; `nil` if it has another form.
    private var version: Int? {
        if variant.isEmpty { return Platform.basicVersion[architecture] }
        return variant.after("v")?.utf8.decimal()
    }

    /// The variant that an absent one means.
    private static let basicVersion = ["amd64": 1, "arm64": 8, "arm": 7]

    private static func normal(
        _ architecture: String, _ variant: String
    ) -> (architecture: String, variant: String) {
        switch architecture {
        case "x86_64", "x86-64", "amd64": ("amd64", variant == "v1" ? "" : variant)
        case "aarch64", "arm64": ("arm64", ["8", "v8"].contains(variant) ? "" : variant)
        case "armhf": ("arm", "")
        case "armel": ("arm", "v6")
        case "arm": ("arm", ["7", "v7"].contains(variant) ? "" : variant)
        case "i386": ("386", "")
        default: (architecture, variant)
        }
    }
}
