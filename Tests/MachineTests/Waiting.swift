// Bounded waits for levels. No test sleeps and hopes.

import Foundation
import Testing

/// A failure outside of a test's assertions. It ends the test.
struct Broken: Error, CustomStringConvertible {
    let description: String
    /// Whether the peer has closed a connection in the middle of something.
    let isCutShort: Bool

    init(_ description: String, isCutShort: Bool = false) {
        self.description = description
        self.isCutShort = isCutShort
    }
}

/// Checks repeatedly until `level` holds. If the time limit passes, the test fails by name.
func eventually(
    _ what: String, within seconds: Double = 30, sourceLocation: SourceLocation = #_sourceLocation,
    _ level: () throws -> Bool
) throws {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    while try !level() {
        guard clock.now < end else {
            Issue.record("not within \(seconds) s: \(what)", sourceLocation: sourceLocation)
            throw Broken("not within \(seconds) s: \(what)")
        }
        Thread.sleep(forTimeInterval: 0.005)
    }
}

/// The seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let took = try ContinuousClock().measure(body)
    return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
}
