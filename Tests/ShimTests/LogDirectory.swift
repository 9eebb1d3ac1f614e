import Foundation
import Testing

@testable import Shim

/// A directory for the log of a task `a`, removed with its last reference.
final class LogDirectory {
    let path = "/tmp/staunch-log-\(UUID().uuidString)"
    var names: LogNames { LogNames(directory: path, task: "a") }

    init() throws { try make() }

    func make() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func remove() throws { try FileManager.default.removeItem(atPath: path) }

    deinit { do { try remove() } catch { Issue.record("\(error)") } }
}
