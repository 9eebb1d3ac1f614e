// The names of a task's log files: `app.log` is the current one, `app.7.log` a former one.

import Bytes
import Kernel
import Linux

struct LogNames {
    let directory: String
    private let task: String

    init(directory: String, task: String) {
        self.directory = directory
        self.task = task
    }

    /// The path of the current file.
    var current: String { "\(directory)/\(task).log" }

    /// The path of a former file.
    func path(_ number: UInt64) -> String { "\(directory)/\(task).\(number).log" }

    /// The numbers of the former files, in ascending order.
    func numbers() throws(SystemCallFailure) -> [UInt64] {
        try Files.names(in: directory).compactMap(number).sorted()
    }

    /// Removes every file of the log. No writer may be left.
    func removeAll() throws(SystemCallFailure) {
        for number in try numbers() { try Files.removeFile(path(number)) }
        try Files.removeFile(current)
    }

    /// A task's name has no dot, so no file of another task looks like one of this task's.
    private func number(of name: String) -> UInt64? {
        guard let digits = name.after(task + ".")?.before(".log"), let number = UInt64(digits)
        else { return nil }
        return "\(number)".isSame(as: digits) ? number : nil
    }
}
