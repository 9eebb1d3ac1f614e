// Why an entry is not made, and the refusal that the client sees.

import Archive
import Glibc
import Kernel
import LayerProtocol

enum TreeFailure: Error, Equatable {
    /// No layer may have this entry.
    case refused(String)
    /// More than a limit.
    case tooLarge(String)
    case call(SystemCallFailure)
    case archive(ArchiveFailure)
    /// The bytes are not the expected bytes.
    case mismatch(LayerRefusal)
}

/// Makes a system call's failure one of the tree's.
func calling<Result: ~Copyable>(
    _ body: @autoclosure () throws(SystemCallFailure) -> Result
) throws(TreeFailure) -> Result {
    do { return try body() } catch { throw .call(error) }
}

/// Makes a reader's failure one of the tree's.
func reading<Result>(
    _ body: @autoclosure () throws(ArchiveFailure) -> Result
) throws(TreeFailure) -> Result {
    do { return try body() } catch { throw .archive(error) }
}

extension LayerRefusal {
    /// `entry` is the path of the tar's entry, empty if the failure is about none.
    init(_ failure: TreeFailure, entry: [UInt8]) {
        switch failure {
        case .refused(let detail): self.init(.layerRefused, detail, entry: entry)
        case .tooLarge(let detail): self.init(.layerTooLarge, detail, entry: entry)
        case .call(let call): self.init(call, entry: entry)
        case .mismatch(let refusal): self = refusal
        case .archive(.call(let call)): self.init(call, entry: entry)
        case .archive(.damaged(let reason)): self.init(.layerDamaged, reason, entry: entry)
        case .archive(.tooLong(let limit)):
            self.init(.layerTooLarge, "the tar has more than \(limit) bytes", entry: entry)
        }
    }

    init(_ failure: SystemCallFailure, entry: [UInt8] = []) {
        self.init(
            Code(errno: failure.errno), "\(failure)", entry: entry, errno: failure.errnoName)
    }
}

extension LayerRefusal.Code {
    /// What a failed call is about: the disk, the host, or the entry that it was made for.
    init(errno: CInt) {
        switch errno {
        case ENOSPC, EDQUOT: self = .noSpace
        case EFBIG: self = .layerTooLarge
        // A name, a target or an attribute that no file system takes, or a way through a link that
        // leads in a circle or to another kind of file.
        case EINVAL, ENOTDIR, ELOOP, ENAMETOOLONG, EMLINK, E2BIG, ERANGE, ENOENT, EEXIST, EISDIR:
            self = .layerRefused
        default: self = .hostFailed
        }
    }
}
