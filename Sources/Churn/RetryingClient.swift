// A client that repeats its request until there is an answer, as the API permits.

import Client
import JSON
import Linux

final class RetryingClient {
    private let client: HTTPClient
    private let interrupts: Interrupts
    private let patience: Double?
    private let lostAfter: Double
    private let endpoint: Endpoint
    /// How many requests may have been sent and had no answer. If a connection that was kept
    /// breaks, curl connects again by itself, and then only that may fail.
    private(set) var cuts = 0

    init(_ endpoint: Endpoint, _ settings: RunSettings, _ interrupts: Interrupts) {
        self.endpoint = endpoint
        self.interrupts = interrupts
        patience = settings.patience
        lostAfter = settings.lostAfter
        client = HTTPClient(endpoint) { interrupts.shouldAbandon }
    }

    /// Returns the answer, and the time at which its request was sent. If there is no answer for
    /// `lostAfter` seconds, the server is considered gone for good.
    func ask(_ request: Request) throws(RunFailure) -> (answer: Answer, sent: Double) {
        var request = request
        if let patience { request.patience = min(patience, request.patience ?? patience) }
        var silentSince = now()
        var pace = 0.01
        while true {
            let sent = now()
            do {
                let answer = try client.send(request)
                if answer.status != 503 && answer.status != 429 { return (answer, sent) }
                silentSince = now()
            } catch {
                cuts += 1
                switch error {
                // The client itself hung up, so the server was alive.
                case .tookTooLong: silentSince = now()
                case .canceled: throw RunFailure("called off")
                case .unreachable, .broken, .malformed: break
                }
            }
            if interrupts.shouldAbandon { throw RunFailure("called off") }
            if now() - silentSince > lostAfter {
                throw RunFailure("\(endpoint): no server answers for \(Figure.seconds(lostAfter))")
            }
            Thread.pause(seconds: pace)
            pace = min(pace * 2, 0.2)
        }
    }

    func json(_ request: Request) throws(RunFailure) -> (JSONValue, Answer) {
        let (answer, _) = try ask(request)
        do { return (try answer.json(), answer) } catch {
            throw RunFailure("\(request.method) \(request.target): \(error)")
        }
    }
}
