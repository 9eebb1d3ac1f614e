// The names by which a layer removes what is below it
// (https://github.com/opencontainers/image-spec/blob/v1.1.0/layer.md#whiteouts).

/// The meaning of a name in a layer.
enum Whiteout: Equatable {
    /// `.wh.<name>`: the layers below have no `name`.
    case hides([UInt8])
    /// `.wh..wh..opq`: the layers below have nothing in this directory.
    case hidesAll
    /// `.wh..wh.<any>`: metadata of AUFS, which is no part of the tree.
    case metadata

    private static let prefix = Array(".wh.".utf8)

    /// `nil` for a name without the prefix.
    init?(_ name: [UInt8]) throws(TreeFailure) {
        guard name.starts(with: Whiteout.prefix) else { return nil }
        let hidden = Array(name[Whiteout.prefix.count...])
        if hidden.elementsEqual(".wh..opq".utf8) {
            self = .hidesAll
        } else if hidden.starts(with: Whiteout.prefix) {
            self = .metadata
        } else {
            guard !hidden.isEmpty, hidden != [dot], hidden != [dot, dot] else {
                throw .refused("a whiteout of nothing")
            }
            self = .hides(hidden)
        }
    }

    /// Whether an entry below these directories is metadata of AUFS. A directory with another name
    /// of the prefix is refused, because the prefix is reserved.
    static func areMetadata(_ directories: [ArraySlice<UInt8>]) throws(TreeFailure) -> Bool {
        for directory in directories where directory.starts(with: prefix) {
            guard try Whiteout(Array(directory)) == .metadata else {
                throw .refused("a directory whose name is a whiteout")
            }
            return true
        }
        return false
    }
}
