// A program that keeps credentials (docker/docker-credential-helpers): `docker-credential-X get`
// with the server's name on its standard input answers {"Username", "Secret"}.

import Bytes
import Glibc
import Images
import JSON
import Kernel
import Linux

struct CredentialHelper {
    let name: String
    /// The program's environment: `name=value`.
    let environment: [String]

    /// An answer is smaller.
    private static let byteLimit = 1 << 20

    /// Asks for the credentials of a host; `nil` if the helper has none. It waits as long as the
    /// helper takes, unless a signal of `signals` comes. Throws `registry-unauthorized` or
    /// `canceled`. No failure contains what the helper wrote.
    func credentials(
        for host: String, signals: borrowing SignalDescriptor
    ) throws(FetchFailure) -> Credentials? {
        let key = AuthFile.key(host)
        let server = key.isSame(as: "docker.io") ? "https://index.docker.io/v1/" : key
        let (output, exit) = try run(server, signals)
        guard exit.code == 0 else {
            // credentials.errCredentialsNotFound of the helpers' library.
            let none = Array("credentials not found in native keychain".utf8)
            if output[...].rest(after: none) != nil { return nil }
            throw failure("ended with \(exit.code.map { "\($0)" } ?? "a signal")")
        }
        guard let answer = parsed(output), let user = answer["Username"]?.string,
            let secret = answer["Secret"]?.string, isUsable(secret)
        else { throw failure("gave no credentials") }
        return Credentials(user: user, secret: secret)
    }

    private func parsed(_ bytes: [UInt8]) -> JSONValue? {
        do throws(JSONFault) { return try JSONValue.parse(bytes) } catch { return nil }
    }

    private func failure(_ what: String) -> FetchFailure {
        FetchFailure(.registryUnauthorized, "the credential helper '\(name)' \(what)")
    }

    private func run(
        _ server: String, _ signals: borrowing SignalDescriptor
    ) throws(FetchFailure) -> (output: [UInt8], exit: ChildExit) {
        let helper: RunningHelper
        do throws(SystemCallFailure) {
            let path = environment.lazy.compactMap { $0.after("PATH=") }.first ?? ""
            let program = try Files.program("docker-credential-\(name)", in: path.fields(":"))
            let command = Command([program.path, "get"], environment: environment)
            helper = try RunningHelper(command, input: Array(server.utf8))
        } catch { throw failure("does not run: \(error)") }
        do throws(SystemCallFailure) {
            if let result = try helper.wait(signals) { return result }
        } catch { throw failure("cannot be read: \(error)") }
        throw FetchFailure(.canceled, "canceled while the credential helper '\(name)' ran")
    }

    /// A child, which is killed with its process group if this value ends before it is reaped.
    private struct RunningHelper: ~Copyable {
        private let pid: Int32
        private let child: PidDescriptor
        private let output: OwnedDescriptor

        init(_ command: Command, input text: [UInt8]) throws(SystemCallFailure) {
            let input = try Pipe()
            let output = try Pipe()
            let nowhere = try OwnedDescriptor.opening("/dev/null", O_WRONLY)
            let pid = try command.spawn(
                descriptors: [input.reading.number, output.writing.number, nowhere.number])
            guard let child = PidDescriptor.opening(pid) else {
                Children.signalGroup(pid, SIGKILL)
                throw SystemCallFailure(call: "pidfd_open", subject: command.path, errno: EMFILE)
            }
            self.pid = pid
            self.child = child
            self.output = output.intoReading()
            // A pipe's flags can always be set; without this one the reading only waits longer.
            ignoring("the end of the child ends the wait") { () throws(SystemCallFailure) in
                try self.output.setNonblocking()
            }
            let writing = input.intoWriting()
            // It is shorter than a pipe's capacity, so this does not wait.
            ignoring("a helper need not read it") { () throws(SystemCallFailure) in
                try writing.writeAll(text)
            }
        }

        deinit {
            Children.signalGroup(pid, SIGKILL)
            child.waitAndReap()
        }

        /// The output and the exit; `nil` if a signal came first. The end of the child counts, not
        /// that of its pipe, which a grandchild may hold.
        consuming func wait(
            _ signals: borrowing SignalDescriptor
        ) throws(SystemCallFailure) -> (output: [UInt8], exit: ChildExit)? {
            let epoll = try Epoll()
            let watched = [
                output.number, child.descriptor.number, signals.descriptor.number,
            ]
            for number in watched { try epoll.add(number, .readable, tag: UInt64(number)) }
            var bytes: [UInt8] = []
            while true {
                _ = epoll.wait(milliseconds: -1)
                if let signal = signals.next(), signal != SIGIO { return nil }
                let exit = child.reap()
                while let more = try output.read(limit: 4096), !more.isEmpty {
                    if bytes.count < CredentialHelper.byteLimit { bytes += more }
                }
                if let exit { return (bytes, exit) }
            }
        }
    }
}
