// Parsing of each kind of option.

import Bytes
import Engine
import Host
import Linux
import Model

extension Setting {
    /// An absolute path without a trailing slash; a relative path starts at the current directory.
    func directory() throws(StartFailure) -> String? {
        guard let text else { return nil }
        guard !text.isEmpty else { throw failure("is empty; name a directory") }
        let path = Path.absolute(text)
        guard path != "/" else { throw failure("is '/'; name a directory of its own") }
        return path
    }

    /// The directories of an option that can be repeated; `nil` if none is given. ':' separates
    /// them in the environment, and plugins in CNI_PATH.
    static func directories(
        _ given: [String], _ flag: String, _ variable: String
    ) throws(StartFailure) -> [String]? {
        let others = given.isEmpty ? Environment.value(of: variable)?.fields(":") ?? [] : []
        let settings =
            given.map { Setting(flag, $0, variable) }
            + others.map { Setting(variable, $0, variable) }
        var directories: [String] = []
        for setting in settings { directories += try setting.directory().map { [$0] } ?? [] }
        if directories.contains(where: { $0.has(":") }) {
            throw StartFailure("\(flag) must not contain ':', which separates directories")
        }
        return directories.isEmpty ? nil : directories
    }

    func isAtStart() throws(StartFailure) -> Bool {
        switch text {
        case nil, "never": return false
        case "start": return true
        case let other?: throw failure("is '\(other)'; it must be 'start' or 'never'")
        }
    }

    func isOn() throws(StartFailure) -> Bool {
        switch text {
        case nil, "off": return false
        case "on": return true
        case let other?: throw failure("is '\(other)'; it must be 'on' or 'off'")
        }
    }

    func cgroup() throws(StartFailure) -> String? {
        guard let text else { return nil }
        let names = text.fields("/")
        guard text.begins(with: "/"), !names.isEmpty,
            names.allSatisfy({ $0 != "." && $0 != ".." })
        else {
            throw failure("is '\(text)'; give a path such as /staunch, from the hierarchy's root")
        }
        return "/" + names.joined(separator: "/")
    }

    /// A path, or a program without a slash, perhaps with a name and `=` before it. The program may
    /// be missing: the engine looks for it again and again, because deletes work without a runtime
    /// (law 25). `others` are the runtimes before it.
    func runtime(behind others: [RuntimeChoice]) throws(StartFailure) -> RuntimeChoice {
        let text = text ?? ""
        // A path may contain '=', but a name contains no slash.
        let named = text.cut("=").flatMap { $0.before.has("/") ? nil : $0 }
        let program = named?.after ?? text
        guard !program.isEmpty else { throw failure("names no program; give NAME=PROGRAM") }
        let name = named?.before ?? program.cutAtLast("/")?.after ?? program
        guard PodSpec.isRuntimeName(name) else {
            throw failure(
                "is '\(text)', and '\(name)' is not \(PodSpec.runtimeNameRule); give NAME=PROGRAM")
        }
        guard !others.contains(where: { $0.name.isSame(as: name) }) else {
            throw failure("names the runtime '\(name)' twice; give one of them as NAME=PROGRAM")
        }
        return RuntimeChoice(
            name: name, program: program.has("/") ? Path.absolute(program) : program)
    }

    /// The directories in which a name is looked up: those of PATH, then that of Debian's runc.
    static var searchPath: [String] {
        let places = (Environment.value(of: "PATH") ?? "").fields(":") + ["/usr/sbin", "/usr/bin"]
        return places.filter { $0.begins(with: "/") }
    }

    func shim() throws(StartFailure) -> String {
        if let text {
            guard !text.isEmpty else { throw failure("is empty; name a program") }
            return Path.absolute(text)
        }
        guard let own = OwnProcess.executable, let directory = Files.parent(of: own) else {
            throw failure("is needed: /proc/self/exe does not tell where staunchd is")
        }
        return directory + "/staunch-shim"
    }

    /// A name selects a built-in choice. A file contains a slash, so the two cannot be confused.
    func seccomp() throws(StartFailure) -> SeccompChoice {
        switch text {
        case nil, "builtin": return .builtIn
        case "none": return .none
        case let path? where path.has("/"): return .file(Path.absolute(path))
        case let other?:
            throw failure("is '\(other)'; it must be 'builtin', 'none' or a file's path with a '/'")
        }
    }

    func level() throws(StartFailure) -> LogLevel {
        guard let text else { return .info }
        guard let level = LogLevel(rawValue: text) else {
            let names = LogLevel.allCases.map(\.rawValue).joined(separator: ", ")
            throw failure("is '\(text)'; it must be one of \(names)")
        }
        return level
    }

    /// Whole seconds, converted to milliseconds.
    func interval() throws(StartFailure) -> Int64 {
        try number(1...86_400).map { $0 * 1000 } ?? 60_000
    }

    /// A whole number; `nil` if the option is not given.
    func number(_ range: ClosedRange<Int64>) throws(StartFailure) -> Int64? {
        guard let text else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw failure(
                "is '\(text)'; it must be a whole number from \(range.lowerBound) to "
                    + "\(range.upperBound)")
        }
        return number
    }

    func address() throws(StartFailure) -> ListenAddress? {
        let text = text ?? "127.0.0.1:7496"
        if text == "off" { return nil }
        guard let address = ListenAddress(text) else {
            throw failure("is '\(text)'; it must be ADDRESS:PORT such as 127.0.0.1:7496, or off")
        }
        return address
    }

    private func failure(_ text: String) -> StartFailure { StartFailure("\(source) \(text)") }
}

/// A numeric address and a port.
struct ListenAddress {
    let host: String
    let port: UInt16

    /// `127.0.0.1:7496` or `[::1]:7496`.
    init?(_ text: String) {
        guard let (place, digits) = text.cutAtLast(":"),
            let port: UInt16 = digits.utf8.decimal()
        else { return nil }
        let bracketed = place.after("[")?.before("]")
        guard bracketed != nil || !place.has(":") else { return nil }
        host = bracketed ?? place
        guard !host.isEmpty else { return nil }
        self.port = port
    }
}
