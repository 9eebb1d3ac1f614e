// The directories of network plugins: read by a helper, at first, after each change, and
// periodically, because a link's target or a mount changes without an event.

package import CNI
import EventLoop
import Host
package import Kernel
import Linux
import ShimProtocol

extension LinuxHost {
    package func configurationFiles() async throws(SystemCallFailure) -> ConfigurationFiles {
        try await readConfigurations(nil)
    }

    package func watchConfigurations(
        _ seen: @escaping @Sendable @Loop (ConfigurationFiles) async -> Void
    ) {
        onLoop {
            var last: ConfigurationFiles?
            while true {
                let watch = self.newWatch()
                do throws(SystemCallFailure) {
                    let files = try await self.readConfigurations(watch)
                    if files != last { await seen(files) }
                    last = files
                } catch {}  // the next look follows
                await Change(watch).happens(within: self.layout.settings.auditInterval)
                // An editor makes several changes at once.
                await Loop.shared.reactor.pause(milliseconds: 100)
            }
        }
    }

    /// `nil` if there is no descriptor: the periodic look is enough.
    private func newWatch() -> SharedWatch? {
        do throws(SystemCallFailure) { return try SharedWatch() } catch { return nil }
    }

    private func readConfigurations(
        _ watch: SharedWatch?
    ) async throws(SystemCallFailure) -> ConfigurationFiles {
        let settings = layout.settings
        let directory = settings.configurationDirectory
        let verb = watch == nil ? "read" : "watch"
        let outcome = try await Helper.run(
            ["staunch-shim", "configurations", verb, directory] + settings.pluginDirectories,
            path: try shimProgram(), standardInput: watch?.watch.descriptor.number)
        if outcome.blocker == nil {
            do throws(WireFault) {
                let seen = try WireConfigurations.parse(document: outcome.output)
                return ConfigurationFiles(seen, directory: directory)
            } catch {}  // fails as a helper that wrote nothing does
        }
        throw SystemCallFailure(call: "read", subject: directory, errno: 5)
    }
}

extension ConfigurationFiles {
    init(_ seen: WireConfigurations, directory: String) {
        self.init(
            directory: directory, failure: seen.failure.isEmpty ? nil : seen.failure,
            files: seen.files.map(File.init),
            folders: Dictionary(seen.folders.map { ($0.name, $0.files.map(File.init)) }) { $1 },
            plugins: seen.programs.map { programs in
                PluginDirectory(
                    path: programs.directory,
                    marks: Dictionary(programs.programs.map { ($0.name, $0.marks) }) { $1 })
            })
    }
}

extension ConfigurationFiles.File {
    fileprivate init(_ file: WireConfigurations.File) {
        self.init(
            name: file.name,
            content: file.failure.isEmpty ? .bytes(file.content) : .unreadable(file.failure))
    }
}

/// A watch as a class, because two tasks of the loop use it.
private final class SharedWatch: Sendable {
    let watch: DirectoryWatch

    init() throws(SystemCallFailure) { watch = try DirectoryWatch() }
}

/// The first change of a watch.
@Loop private final class Change {
    private let watch: SharedWatch?
    private var waiter: CheckedContinuation<Void, Never>?
    private var tag: UInt64?

    init(_ watch: SharedWatch?) { self.watch = watch }

    /// Returns after the first change, or after `milliseconds` without one.
    func happens(within milliseconds: Int64) async {
        let number = watch?.watch.descriptor.number
        if let number {
            ignoring("then the time alone counts") { () throws(SystemCallFailure) in
                tag = try Loop.shared.reactor.watch(number, .readable) { [weak self] _ in
                    onLoop { self?.end() }
                }
            }
        }
        Loop.shared.reactor.after(milliseconds: milliseconds) { [weak self] in
            onLoop { self?.end() }
        }
        await withCheckedContinuation { waiter = $0 }
        if let number, let tag { Loop.shared.reactor.unwatch(number, tag) }
    }

    private func end() { waiter.take()?.resume() }
}
