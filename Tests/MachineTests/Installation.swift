// The place of the programs under test.

import Foundation

enum Installation {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// STAUNCH_BIN, or the output of scripts/build.
    static let bin = ProcessInfo.processInfo.environment["STAUNCH_BIN"] ?? root + "/dist/bin"
    static let daemon = bin + "/staunchd"
    static let shim = bin + "/staunch-shim"
    static let churn = bin + "/staunch-churn"
    static let census = bin + "/staunch-census"

    static let runtimes = Controllers.areForCrun ? [runc, "/usr/bin/crun"] : [runc]
    private static let runc = "/usr/sbin/runc"

    /// Built with failpoints, at which a test kills, stops or fails the programs: scripts/build
    /// --failpoints.
    static let failpoints =
        ProcessInfo.processInfo.environment["STAUNCH_FAILPOINTS_BIN"] ?? root + "/dist/failpoints"
    static var hasFailpoints: Bool {
        exists(failpoints + "/staunchd") && exists(failpoints + "/staunch-shim")
    }

    static var isThere: Bool { exists(daemon) && exists(shim) && exists(churn) }

    /// STAUNCH_TEST_DEPTH=full: the full numbers of the issue instead of a sample.
    static let isDeep = ProcessInfo.processInfo.environment["STAUNCH_TEST_DEPTH"] == "full"
}
