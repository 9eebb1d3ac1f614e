// Why the daemon does not run, in one line with a remedy.

import Linux

struct StartFailure: Error {
    let text: String

    init(_ text: String) { self.text = text }

    func tell() { StandardError.write("staunchd: \(text)\n") }
}
