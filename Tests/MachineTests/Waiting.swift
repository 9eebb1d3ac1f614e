// Waiting for levels, with a bound: no test sleeps and hopes.

import Foundation
import Testing

/// What went wrong outside of what a test asserts: it ends the test.
struct Broken: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Looks again and again until `level` holds. A bound that is reached fails the test by name.
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

/// Seconds that `body` takes.
func seconds(_ body: () throws -> Void) rethrows -> Double {
    let took = try ContinuousClock().measure(body)
    return Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18
}
