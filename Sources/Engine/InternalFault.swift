// The one way to an answer of 500 `internal`. Its texts promise an id that also stands in the log,
// so the id is made here and logged with the cause. A tidy test holds that there is no other way.

package import Documents
import Model

extension Engine {
    /// Logs what went wrong, and says so to the client.
    package func fault(_ cause: String, instance: String) -> Problem {
        let id = UID.make(at: EngineClock.now)
        log.write(.error, "internal fault", ["id": "\(id)", "path": instance, "error": cause])
        return Problem(internal: id, cause, instance: instance)
    }
}
