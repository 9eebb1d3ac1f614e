// Whose credentials go to which host: the request's to the registry of the image alone, and the
// file's to the host that the file names.

import Bytes
import Images
import Kernel
import Linux

final class CredentialFinder {
    private let given: Credentials?
    private let path: String
    private let environment: [String]
    private var file: AuthFile?
    /// Where the registry's credentials come from: `request`, `file` or `none`.
    private(set) var source = "none"

    /// `given`: of the request. `file`: the path of a config.json, which need not exist.
    init(given: Credentials?, file: String, environment: [String]) {
        self.given = given
        path = file
        self.environment = environment
    }

    /// Throws `registry-settings-invalid`, `registry-unauthorized` or `canceled`.
    func credentials(
        for host: RegistryHost, of reference: ImageReference, _ signals: borrowing SignalDescriptor
    ) throws(FetchFailure) -> Credentials? {
        let isRegistry = host.isRegistry || host.url.authority.isSame(as: reference.apiHost)
        if let given {
            source = "request"
            return isRegistry ? given : nil
        }
        let name = isRegistry ? reference.registry : host.url.authority
        let file = try authFile()
        let found =
            try file.helper(for: name).flatMap { helper throws(FetchFailure) in
                try CredentialHelper(name: helper, environment: environment)
                    .credentials(for: name, signals: signals)
            } ?? file.credentials(for: name)
        if found != nil { source = "file" }
        return found
    }

    private func authFile() throws(FetchFailure) -> AuthFile {
        if let file { return file }
        do throws(SettingsFault) {
            let found = try AuthFile.parse(content())
            file = found
            return found
        } catch {
            throw FetchFailure(.settingsInvalid, "\(path): \(error.detail)")
        }
    }

    /// A file that does not exist has no credentials.
    private func content() throws(SettingsFault) -> [UInt8] {
        do { return try Files.readRegular(path, limit: AuthFile.byteLimit) } catch {
            if error.errnoName == "ENOENT" { return Array("{}".utf8) }
            throw SettingsFault(error.errnoText)
        }
    }
}
