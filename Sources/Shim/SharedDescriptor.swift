import Kernel
import Linux

/// A descriptor that is closed with the last reference.
final class SharedDescriptor {
    let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    /// The two ends of a pipe.
    static func pipe() throws(SystemCallFailure) -> (
        reading: SharedDescriptor, writing: SharedDescriptor
    ) {
        let ends = try Pipe().release()
        return (
            SharedDescriptor(OwnedDescriptor(adopting: ends.reading)),
            SharedDescriptor(OwnedDescriptor(adopting: ends.writing))
        )
    }
}
