// Makes every answer of 500 `internal`. Its texts promise an id that the log contains, so the id is
// made here and logged with the cause. A tidy test forbids `internal` in any other file.

import Documents
import Engine
import Host
import Linux
import Model

extension Log {
    /// Logs the cause, and returns the answer for the client. `instance` is the request's path.
    @discardableResult
    func fault(_ cause: String, instance: String) -> Problem {
        let id = UID.make(at: Timestamp(milliseconds: SystemClock.wall))
        write(.error, "internal fault", ["id": "\(id)", "path": instance, "error": cause])
        return Problem(internal: id, cause, instance: instance)
    }
}
