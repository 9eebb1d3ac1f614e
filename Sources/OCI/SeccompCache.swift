// One document for each set of capabilities: nearly all tasks have the same.

import Synchronization

package final class SeccompCache: Sendable {
    private let make: @Sendable ([String]) -> [UInt8]
    private let documents = Mutex<[[String]: [UInt8]]>([:])

    package init(
        _ profile: SeccompProfile, on architecture: SeccompProfile.Architecture, kernel: [Int],
        without absent: [String] = []
    ) {
        make = { capabilities in
            profile.document(
                capabilities: capabilities, on: architecture, kernel: kernel, without: absent)
        }
    }

    /// `linux.seccomp` for `Capabilities.of(_:)`.
    package func document(for capabilities: [String]) -> [UInt8] {
        if let made = documents.withLock({ $0[capabilities] }) { return made }
        let document = make(capabilities)
        documents.withLock {
            // Clients choose the sets: bounded, so that they cannot fill the memory (7 KB each).
            if $0.count >= 32 { $0 = [:] }
            $0[capabilities] = document
        }
        return document
    }
}
