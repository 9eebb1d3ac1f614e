// Failpoints: places at which a test kills, stops or fails a process, to check what it leaves.
//
// They are compiled only with STAUNCH_FAILPOINTS (scripts/build --failpoints). In a normal build
// each of these functions only makes the given call, or does nothing.

/// The errors that a failpoint may inject: the kernel could return each of them there.
@usableFromInline
package struct Faults: OptionSet, Sendable {
    @usableFromInline package let rawValue: UInt64
    @inlinable package init(rawValue: UInt64) { self.rawValue = rawValue }
    /// EINTR.
    @inlinable package static var interrupted: Faults { Faults(rawValue: 1 << 4) }
    /// EIO.
    @inlinable package static var inputOutput: Faults { Faults(rawValue: 1 << 5) }
    /// ENOMEM.
    @inlinable package static var noMemory: Faults { Faults(rawValue: 1 << 12) }
    /// EMFILE.
    @inlinable package static var noDescriptors: Faults { Faults(rawValue: 1 << 24) }
    /// ENOSPC.
    @inlinable package static var noSpace: Faults { Faults(rawValue: 1 << 28) }

    /// For calls that create something on a file system.
    @inlinable package static var storage: Faults { [.noSpace, .inputOutput, .noMemory] }
    /// For calls that create a descriptor.
    @inlinable package static var descriptor: Faults { [.noDescriptors, .noMemory] }
}

/// A call that changes something outside the process, with a failpoint before and after it. If it
/// fails, it returns -1 and sets errno.
@inlinable @inline(__always)
package func effect<Number: SignedInteger>(
    _ name: StaticString, _ faults: Faults = [], _ body: () -> Number
) -> Number {
    #if STAUNCH_FAILPOINTS
        if Failpoints.comes(to: name, faults) { return -1 }
        let result = body()
        Failpoints.comes(from: name)
        return result
    #else
        body()
    #endif
}

/// A call that changes nothing but can fail.
@inlinable @inline(__always)
package func fallible<Number: SignedInteger>(
    _ name: StaticString, _ faults: Faults, _ body: () -> Number
) -> Number {
    #if STAUNCH_FAILPOINTS
        if Failpoints.fails(name, faults) { return -1 }
    #endif
    return body()
}

/// A place between two effects.
@inlinable @inline(__always)
package func failpoint(_ name: StaticString) {
    #if STAUNCH_FAILPOINTS
        Failpoints.comes(from: name)
    #endif
}

/// Whether the next step must fail, if its failure is not reported by errno.
@inlinable @inline(__always)
package func isFailing(_ name: StaticString, _ fault: Faults) -> Bool {
    #if STAUNCH_FAILPOINTS
        Failpoints.comes(to: name, fault)
    #else
        false
    #endif
}

/// A program's environment, with the path of the plan.
@inlinable @inline(__always)
package func pointed(_ environment: [String]) -> [String] {
    #if STAUNCH_FAILPOINTS
        environment + Failpoints.environment
    #else
        environment
    #endif
}
