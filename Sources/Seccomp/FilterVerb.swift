// The helper that compiles a filter: `staunchd compile-filter`, with `linux.seccomp` on standard
// input and the program on standard output. Only the daemon starts it.

import Kernel
import Linux

package enum FilterVerb {
    package static let word = "compile-filter"

    /// The most bytes of a document: those of the longest profile, written out for each call.
    private static let limit = 16 << 20

    /// Runs the helper. A failure is written to standard error; returns the exit code.
    package static func run() -> CInt {
        do throws(FilterRefusal) {
            let document = try asRefusal { () throws(SystemCallFailure) in
                try OwnedDescriptor(adopting: 0).readAll(limit: limit)
            }
            let program = try FilterProgram.compiled(from: document)
            try asRefusal { () throws(SystemCallFailure) in
                try OwnedDescriptor(adopting: 1).writeAll(program)
            }
            return 0
        } catch {
            StandardError.write("\(error)\n")
            return 1
        }
    }

    private static func asRefusal<Value>(
        _ body: () throws(SystemCallFailure) -> Value
    ) throws(FilterRefusal) -> Value {
        do throws(SystemCallFailure) { return try body() } catch {
            throw FilterRefusal("\(error)")
        }
    }
}
