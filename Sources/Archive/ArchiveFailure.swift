// Why a blob or a tar cannot be read.

package import Kernel

package enum ArchiveFailure: Error, Equatable, Sendable {
    /// The bytes are not what they should be, with libarchive's reason or ours.
    case damaged(String)
    /// The tar has more bytes than this.
    case tooLong(Int64)
    /// Reading the blob, or writing a file's data, failed.
    case call(SystemCallFailure)
}
