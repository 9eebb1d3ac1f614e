import Host
import Linux

extension StartFailure {
    /// Says on standard error why the daemon does not run.
    func tell() { StandardError.write("staunchd: \(description)\n") }
}
