// The directories of a layer that have no entry of their own. Their mode and owner are not the
// layer's word, so an image shows those of the nearest layer below that has an entry for them.

struct ImpliedDirectories {
    /// By inode, because an entry may name the directory by another way, through a link.
    private var paths: [UInt64: [UInt8]] = [:]
    private var bytes = 0

    /// Real layers have some hundreds. The list is in memory, and in layer.json.
    private static let (most, mostBytes) = (65536, 4 << 20)

    mutating func add(_ path: [UInt8], inode: UInt64) throws(TreeFailure) {
        bytes += path.count
        guard paths.count < ImpliedDirectories.most, bytes <= ImpliedDirectories.mostBytes else {
            throw .tooLarge("too many directories without an entry")
        }
        paths[inode] = path
    }

    /// The directory has an entry of its own, or it does not show what is below it.
    mutating func remove(inode: UInt64) { paths[inode] = nil }

    /// The paths, sorted by their bytes, of the directories that are still there.
    func paths(where isThere: ([UInt8], UInt64) -> Bool) -> [[UInt8]] {
        paths.filter { isThere($0.value, $0.key) }.values
            .sorted { $0.lexicographicallyPrecedes($1) }
    }
}
