// Makes every answer of 500 `internal`. Its texts promise an id that the log contains, so the id is
// made here and logged with the cause. A tidy test forbids `internal` in any other file.

package import Documents
import EventLoop
import Host
import Model

extension Engine {
    /// Logs the cause, and returns the answer for the client.
    package func fault(_ cause: String, instance: String) -> Problem {
        let id = UID.make(at: EngineClock.now)
        log.write(.error, "internal fault", ["id": "\(id)", "path": instance, "error": cause])
        return Problem(internal: id, cause, instance: instance)
    }
}
