// Where the programs under test are.

import Foundation

enum Installation {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// STAUNCH_BIN, or what scripts/build has made.
    static let bin = ProcessInfo.processInfo.environment["STAUNCH_BIN"] ?? root + "/dist/bin"
    static let daemon = bin + "/staunchd"
    static let shim = bin + "/staunch-shim"

    static var isThere: Bool { exists(daemon) && exists(shim) }

    /// STAUNCH_TEST_DEPTH=full: the numbers of the issue, and not a sample of them.
    static let isDeep = ProcessInfo.processInfo.environment["STAUNCH_TEST_DEPTH"] == "full"
}
