// What a client says over a connection that it has upgraded, and what it hears, to the end of the
// connection.

import Glibc
import JSON

enum Upgrade: Sendable {
    case exec(Framing)
    case port
}

struct Dialogue: Sendable {
    /// `nil` if the connection ended before the answer.
    var status: Int?
    /// The output of an exec, or what the port sent.
    var text = ""
    /// The exit code that the client was told.
    var exitCode: Int64?
    /// Whether the connection ended between two frames.
    var isWhole = true

    /// Whether another try is not worthwhile.
    var isAnswered: Bool {
        guard let status else { return false }
        return status != 502 && status != 503
    }

    /// Throws if the connection does not end.
    init(_ step: Scenario.Step, _ upgrade: Upgrade, id: String, _ socket: String) throws {
        do {
            switch upgrade {
            case .exec(let framing): try exec(step, framing, id, socket)
            case .port: try port(step, socket)
            }
        } catch let refusal as NotUpgraded { status = refusal.status }
    }

    private mutating func exec(
        _ step: Scenario.Step, _ framing: Framing, _ id: String, _ socket: String
    ) throws {
        let early = ExecClient.frame(framing, 0, Array("x\n".utf8))
        let client: ExecClient
        do {
            client = try ExecClient(socket, step.path, framing, step.body, id: id, early: early)
        } catch is Broken { return }
        status = client.head.status
        // It may have gone already.
        do { try client.endInput() } catch is Broken {}
        do {
            while try client.receive() != nil {}
            // A close of a WebSocket is not yet the end of the connection.
            while try client.wire.takeByte() != nil {}
        } catch let broken as Broken where broken.isCutShort { isWhole = false }
        text = client.text(1)
        if isWhole, let status = client.heard[3] {
            exitCode = client.code(in: try JSONValue.parse(status))
        }
    }

    private mutating func port(_ step: Scenario.Step, _ socket: String) throws {
        let wire: Wire
        do {
            wire = try Wire(path: socket)
            try wire.send(
                "\(step.method) \(step.path) HTTP/1.1\r\nHost: localhost\r\n"
                    + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly ")
            status = try wire.receiveHead()?.status
        } catch is Broken { return }
        guard status == 101 else { return }
        do { try wire.send("late\n") } catch is Broken {}
        wire.finishSending()
        while let byte = try wire.takeByte() { text.unicodeScalars.append(Unicode.Scalar(byte)) }
    }
}
