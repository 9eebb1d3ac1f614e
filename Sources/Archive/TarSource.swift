// The bytes that libarchive parses: a link of ours, and then the tar.
//
// A pax header may have the target of a link, and then the link's own header may have none: Go's
// tars are like that if the target has no ASCII. libarchive 3.6 loses such a target if no link's
// header before it had one. With the link of ours, there is always one. Besides, a tar that cannot
// be read does not look like an empty file.

@safe final class TarSource {
    private let inflater: Inflater
    // SAFETY: allocated here, and freed when nothing reads any more.
    private let link: UnsafeMutableRawBufferPointer
    private var hasBegun = false

    init(_ inflater: Inflater) {
        self.inflater = inflater
        unsafe link = .allocate(byteCount: 512, alignment: 8)
        unsafe link.copyBytes(from: TarSource.header)
    }

    deinit { unsafe link.deallocate() }

    var failure: ArchiveFailure? { inflater.failure }

    /// For libarchive: the bytes of the next block, 0 at the end, -1 with `failure`.
    func read(_ out: UnsafeMutablePointer<UnsafeRawPointer?>?) -> Int {
        guard !hasBegun else { return unsafe inflater.read(out) }
        hasBegun = true
        unsafe out?.pointee = UnsafeRawPointer(link.baseAddress)
        return unsafe link.count
    }

    /// A link with one letter as its name and its target.
    private static var header: [UInt8] {
        let zero = Array("0000000".utf8)
        return TarHeader.block([
            (0, Array("l".utf8)), (100, zero), (108, zero), (116, zero), (124, zero), (136, zero),
            (156, Array("2".utf8)), (157, Array("t".utf8)),
        ])
    }
}
