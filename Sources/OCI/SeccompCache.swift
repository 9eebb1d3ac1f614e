// One document for each set of capabilities: nearly all tasks have the same.

import Synchronization

package final class SeccompCache: Sendable {
    private struct Key: Hashable {
        let capabilities: [String]
        let isNativeOnly: Bool
    }

    private let make: @Sendable (Key) -> [UInt8]
    private let documents = Mutex<[Key: [UInt8]]>([:])

    package init(
        _ profile: SeccompProfile, on architecture: SeccompProfile.Architecture, kernel: [Int],
        without absent: [String] = []
    ) {
        make = { key in
            let others = profile.subArchitectures[architecture.token, default: []]
            return profile.document(
                capabilities: key.capabilities, on: architecture, kernel: kernel,
                without: key.isNativeOnly ? others : absent)
        }
    }

    /// Returns `linux.seccomp` for `Capabilities.of(_:)`. If `isNativeOnly`, a call of another ABI
    /// ends the process.
    package func document(for capabilities: [String], isNativeOnly: Bool = false) -> [UInt8] {
        let key = Key(capabilities: capabilities, isNativeOnly: isNativeOnly)
        if let made = documents.withLock({ $0[key] }) { return made }
        let document = make(key)
        documents.withLock {
            // Clients choose the sets, so their number is bounded: each takes 7 KB of memory.
            if $0.count >= 32 { $0 = [:] }
            $0[key] = document
        }
        return document
    }
}
