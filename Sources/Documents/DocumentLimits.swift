//  How much a document may ask for.

/// Bounds of documents; counts, where no unit is named.
package enum DocumentLimits {
    /// Bytes of a request's body, and of a pod's spec with all its tasks and defaults: what a PUT
    /// cannot ask for must not come about by small additions either.
    package static let bytes = 1 << 20
    /// Bytes at which a page of a list ends; the item that reaches them is its last.
    package static let pageBytes = 1 << 20
    /// Labels of a pod, and annotations of a pod.
    package static let notes = 256
    /// Bytes of a label's or annotation's value.
    package static let noteBytes = 64 * 1024
    package static let tasks = 64
    /// Arguments of a task, and variables of its environment.
    package static let args = 1024
    package static let mounts = 128
    /// Bytes: runc refuses to start a container with less (its own init has to fit).
    package static let leastMemory: Int64 = 6_291_456
    /// PID_MAX_LIMIT of 64-bit kernels (proc(5)).
    package static let mostPids: Int64 = 4_194_304
    /// CPUs.
    package static let cpus = 0.01...1024.0
    /// Seconds.
    package static let grace = 0.0...86_400.0
}
